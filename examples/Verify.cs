#:package Newtonsoft.Json@13.0.3
#:package libsodium@1.0.20
// Verifies a license of mintage, or the signature of its proofs and other documents. Needs the .NET 10 SDK, which runs a
// single file, or any other .NET or Mono without the two lines above; the class library of .NET has no Ed25519.
//
//     dotnet run examples/Verify.cs -- keys.example/vendor.pub license.lic acme
//     dotnet run examples/Verify.cs -- keys.example/vendor.pub proof.json application/vnd.mintage.proof+json
//
// Exit status 0 is a yes, and nothing else is. What only `mintage verify` checks stands in examples/README.md.
using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Newtonsoft.Json.Linq;

static class Verify
{
    [DllImport("libsodium")]
    static extern int crypto_sign_verify_detached(byte[] signature, byte[] message, ulong length, byte[] key);

    static bool Signed(byte[] key, byte[] message, byte[] signature) =>
        signature.Length == 64 && crypto_sign_verify_detached(signature, message, (ulong)message.Length, key) == 0;

    static void Check(bool holds, string reason)
    {
        if (!holds) throw new UnauthorizedAccessException("refused: " + reason);
    }

    static byte[] Unbase64(string text)
    {
        var data = Convert.FromBase64String(text); // which passes over white space
        Check(Convert.ToBase64String(data) == text, "malformed");
        return data;
    }

    static long Number(JObject claims, string name, long absent)
    {
        Check(claims[name] == null || claims[name].Type == JTokenType.Integer, "malformed");
        return (long?)claims[name] ?? absent;
    }

    static byte[] License(byte[] key, string text, string tenant, long now)
    {
        var parts = text.Split(new[] { '.' }, 2);
        var payload = Unbase64(parts[0]); // the signature is over these bytes as sent; nothing is believed before
        Check(Signed(key, payload, Unbase64(parts[1])), "bad-signature");
        var claims = JObject.Parse(Encoding.UTF8.GetString(payload));
        var alone = (string)(claims["typ"] ?? "license") == "license" && (string)(claims["activation"] ?? "none") == "none";
        Check(alone && claims["crit"] == null && claims["fingerprint"] == null, "it asks for more than is judged here");
        var starts = Math.Max(Number(claims, "nbf", 0), Number(claims, "iat", long.MaxValue) - 300);
        Check((string)claims["tenantId"] == tenant && now >= starts, "another tenant, or not yet valid");
        Check(now <= Number(claims, "exp", 0) + Number(claims, "gracePeriodDays", 0) * 86400, "expired");
        return Encoding.UTF8.GetBytes(now <= Number(claims, "exp", 0) ? "ACTIVE\n" : "GRACE\n");
    }

    static byte[] Document(byte[] key, string text, string type)
    {
        var envelope = JObject.Parse(text);
        Check((string)envelope["payloadType"] == type, "wrong-kind");
        var payload = Unbase64((string)envelope["payload"]);
        var head = Encoding.UTF8.GetBytes($"DSSEv1 {type.Length} {type} {payload.Length} ");
        var signed = head.Concat(payload).ToArray(); // the keyid of a signature is a hint and decides nothing
        Check(envelope["signatures"].Any(one => Signed(key, signed, Unbase64((string)one["sig"]))), "bad-signature");
        return payload;
    }

    static void Main(string[] arguments)
    {
        var pem = string.Concat(File.ReadLines(arguments[0]).Where(line => !line.StartsWith("-----")));
        var key = Convert.FromBase64String(pem).Skip(12).ToArray(); // what stands before it says that it is Ed25519
        Check(key.Length == 32, "no Ed25519 key");
        var text = File.ReadAllText(arguments[1]).Trim();
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var yes = text.StartsWith("{") ? Document(key, text, arguments[2]) : License(key, text, arguments[2], now);
        Console.OpenStandardOutput().Write(yes, 0, yes.Length);
    }
}
