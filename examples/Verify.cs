#:package BouncyCastle.Cryptography@2.6.2
// Verifies a license, or a DSSE document, of mintage. Needs the .NET 10 SDK, which runs a single file; with an older one
// put this file into a console project, without its first line, and `dotnet add package BouncyCastle.Cryptography`. The
// class library of .NET has no Ed25519.
//
//     dotnet run examples/Verify.cs -- license  keys.example/vendor.pub license.lic acme
//     dotnet run examples/Verify.cs -- document keys.example/vendor.pub keyring.json application/vnd.mintage.keyring+json
//
// Exits with 0 for yes, 1 for no and 3 when it could not be told, as mintage does.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Security;

if (args.Length != 4 || args[0] is not ("license" or "document"))
{
    Console.Error.WriteLine("usage: Verify.cs license|document KEY FILE TENANT|TYPE");
    return 2;
}
try
{
    var pem = File.ReadLines(args[1]).Where(line => !line.StartsWith("-----", StringComparison.Ordinal));
    var key = (Ed25519PublicKeyParameters)PublicKeyFactory.CreateKey(Convert.FromBase64String(string.Concat(pem)));
    var text = File.ReadAllText(args[2]).Trim();
    var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    var answer = args[0] == "license" ? License(key, text, args[3], now) : Document(key, text, args[3]);
    using var output = Console.OpenStandardOutput();
    output.Write(answer);
    return 0;
}
catch (Refused refused)
{
    Console.Error.WriteLine($"refused: {refused.Message}");
    return 1;
}
catch (Exception error)
{
    Console.Error.WriteLine($"could not tell: {error.Message}");
    return 3;
}

static byte[] License(Ed25519PublicKeyParameters key, string text, string tenant, long now)
{
    var parts = text.Split('.');
    if (parts.Length != 2) throw new Refused("malformed");
    var payload = Unbase64(parts[0]);
    // Over the bytes as sent, before anything in them is believed.
    if (!Signed(key, payload, Unbase64(parts[1]))) throw new Refused("bad-signature");
    var claims = Parse(payload);
    if (Text(claims, "typ", "license") != "license" || claims.ContainsKey("crit") || claims.ContainsKey("fingerprint"))
        throw new NotSupportedException("the license asks for more than this example judges");
    if (Text(claims, "activation", "none") != "none") throw new Refused("proof-required");
    long exp = Integer(claims, "exp"), iat = Integer(claims, "iat"), nbf = Integer(claims, "nbf", 0);
    var grace = Integer(claims, "gracePeriodDays", 0);
    if (grace > 3650 || exp > 253402300799) throw new Refused("malformed");
    if (Text(claims, "tenantId") != tenant) throw new Refused("wrong-tenant");
    if (now < nbf) throw new Refused("not-yet-valid");
    if (now < iat - 300) throw new Refused("clock-behind");
    if (now > exp + grace * 86400) throw new Refused("expired");
    return Encoding.UTF8.GetBytes(now <= exp ? "ACTIVE\n" : "GRACE\n");
}

static byte[] Document(Ed25519PublicKeyParameters key, string text, string payloadType)
{
    var envelope = Parse(Encoding.UTF8.GetBytes(text));
    if (Text(envelope, "payloadType") != payloadType) throw new Refused("wrong-kind");
    var payload = Unbase64(Text(envelope, "payload"));
    var head = $"DSSEv1 {Encoding.UTF8.GetByteCount(payloadType)} {payloadType} {payload.Length} ";
    byte[] signed = [.. Encoding.UTF8.GetBytes(head), .. payload];
    if (!envelope.TryGetValue("signatures", out var signatures) || signatures.ValueKind != JsonValueKind.Array)
        throw new Refused("malformed");
    // Any one signature will do; its keyid is a hint and decides nothing.
    foreach (var signature in signatures.EnumerateArray())
        if (Signed(key, signed, Unbase64(Text(Members(signature), "sig")))) return payload;
    throw new Refused("bad-signature");
}

static bool Signed(Ed25519PublicKeyParameters key, byte[] message, byte[] signature)
{
    var verifier = new Ed25519Signer();
    verifier.Init(false, key);
    verifier.BlockUpdate(message, 0, message.Length);
    return verifier.VerifySignature(signature);
}

// Padded, canonical base64 only; the decoder alone passes over white space.
static byte[] Unbase64(string text)
{
    var data = new byte[text.Length];
    if (!Convert.TryFromBase64String(text, data, out var length)) throw new Refused("malformed");
    data = data[..length];
    return Convert.ToBase64String(data) == text ? data : throw new Refused("malformed");
}

static Dictionary<string, JsonElement> Parse(byte[] json)
{
    try
    {
        using var document = JsonDocument.Parse(json);
        return Members(document.RootElement.Clone());
    }
    catch (JsonException)
    {
        throw new Refused("malformed");
    }
}

// Refuses members that stand twice, of which `GetProperty` would take the last and another reader the first.
static Dictionary<string, JsonElement> Members(JsonElement value)
{
    if (value.ValueKind != JsonValueKind.Object) throw new Refused("malformed");
    var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
    foreach (var member in value.EnumerateObject())
        if (!members.TryAdd(member.Name, member.Value)) throw new Refused("duplicate-member");
    return members;
}

static string Text(Dictionary<string, JsonElement> members, string name, string? absent = null)
{
    if (!members.TryGetValue(name, out var value)) return absent ?? throw new Refused("malformed");
    return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new Refused("malformed");
}

static long Integer(Dictionary<string, JsonElement> members, string name, long? absent = null)
{
    if (!members.TryGetValue(name, out var value)) return absent ?? throw new Refused("malformed");
    return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0
        ? number
        : throw new Refused("malformed");
}

/// <summary>The answer is no; the message is mintage's code for the reason.</summary>
sealed class Refused(string code) : Exception(code);
