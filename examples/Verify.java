// Verifies a license of mintage, or the signature of its proofs and other documents. Needs Java 17 or later, and Gson.
//
//     java -cp gson.jar examples/Verify.java keys.example/vendor.pub license.lic acme
//     java -cp gson.jar examples/Verify.java keys.example/vendor.pub proof.json application/vnd.mintage.proof+json
//
// Exit status 0 is a yes, and nothing else is. What only `mintage verify` checks stands in examples/README.md.
import static java.nio.charset.StandardCharsets.*;
import com.google.gson.*;
import java.nio.file.*;
import java.security.*;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;

class Verify {
    static void check(boolean holds, String reason) {
        if (!holds) throw new SecurityException("refused: " + reason);
    }

    static byte[] unbase64(String text) {
        byte[] data = Base64.getDecoder().decode(text); // which also takes text without its padding
        check(Base64.getEncoder().encodeToString(data).equals(text), "malformed");
        return data;
    }

    static boolean signed(PublicKey key, byte[] message, byte[] signature) throws GeneralSecurityException {
        Signature verifier = Signature.getInstance("Ed25519");
        verifier.initVerify(key);
        verifier.update(message);
        return signature.length == 64 && verifier.verify(signature);
    }

    static long number(JsonObject claims, String name, long absent) {
        check(!claims.has(name) || claims.getAsJsonPrimitive(name).isNumber(), "malformed");
        return claims.has(name) ? claims.get(name).getAsBigDecimal().longValueExact() : absent;
    }

    static byte[] license(PublicKey key, String text, String tenant, long now) throws GeneralSecurityException {
        String[] parts = text.split("\\.", 2);
        byte[] payload = unbase64(parts[0]); // the signature is over these bytes as sent; nothing is believed before
        check(signed(key, payload, unbase64(parts[1])), "bad-signature");
        JsonObject claims = JsonParser.parseString(new String(payload, UTF_8)).getAsJsonObject();
        boolean alone = !claims.has("typ") || claims.get("typ").getAsString().equals("license");
        alone &= !claims.has("activation") || claims.get("activation").getAsString().equals("none");
        check(alone && !claims.has("crit") && !claims.has("fingerprint"), "it asks for more than is judged here");
        long starts = Math.max(number(claims, "nbf", 0), number(claims, "iat", Long.MAX_VALUE) - 300);
        check(claims.get("tenantId").getAsString().equals(tenant) && now >= starts, "another tenant, or not yet valid");
        long exp = number(claims, "exp", 0);
        check(now <= exp + number(claims, "gracePeriodDays", 0) * 86400, "expired");
        return (now <= exp ? "ACTIVE\n" : "GRACE\n").getBytes(UTF_8);
    }

    static byte[] document(PublicKey key, String text, String type) throws GeneralSecurityException {
        JsonObject envelope = JsonParser.parseString(text).getAsJsonObject();
        check(envelope.get("payloadType").getAsString().equals(type), "wrong-kind");
        byte[] payload = unbase64(envelope.get("payload").getAsString());
        String head = "DSSEv1 " + type.length() + " " + type + " " + payload.length + " ";
        boolean verified = false;
        for (JsonElement signature : envelope.getAsJsonArray("signatures")) // its keyid is a hint and decides nothing
            verified |= signed(key, (head + new String(payload, ISO_8859_1)).getBytes(ISO_8859_1),
                unbase64(signature.getAsJsonObject().get("sig").getAsString()));
        check(verified, "bad-signature");
        return payload;
    }

    public static void main(String[] arguments) throws Exception {
        String pem = Files.readString(Path.of(arguments[0])).replaceAll("-----[A-Z ]+-----|\\s", "");
        PublicKey key = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(unbase64(pem)));
        String text = Files.readString(Path.of(arguments[1])).strip();
        long now = System.currentTimeMillis() / 1000;
        byte[] yes = text.startsWith("{") ? document(key, text, arguments[2]) : license(key, text, arguments[2], now);
        System.out.writeBytes(yes);
    }
}
