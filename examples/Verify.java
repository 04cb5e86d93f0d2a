// Verifies a license, or a DSSE document, of mintage. Needs Java 17 or later and no library.
//
//     java examples/Verify.java license  keys.example/vendor.pub license.lic acme
//     java examples/Verify.java document keys.example/vendor.pub keyring.json application/vnd.mintage.keyring+json
//
// Exits with 0 for yes, 1 for no and 3 when it could not be told, as mintage does.

import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import static java.nio.charset.StandardCharsets.UTF_8;

class Verify {
    /** The answer is no; the message is mintage's code for the reason. */
    static class Refused extends Exception {
        Refused(String code) {
            super(code);
        }
    }

    /**
     * The JDK reads no JSON, and hunting for {@code "exp":} in a text would also find what stands inside another member.
     * So this is all of a payload in the one spelling that mintage writes, from the first brace to the last; any other
     * spelling, and any member that this example does not judge, is answered with 3. A product has a JSON library.
     */
    static final String STRING = "\"[^\"\\\\]*+(?:\\\\[\"\\\\][^\"\\\\]*+)*+\"", NUMBER = "(?:0|[1-9][0-9]{0,11})";
    static final Pattern CLAIMS = Pattern.compile("""
        \\{"exp":(?<exp>N),(?:"features":\\[(?:S,?)*+\\],)?"gracePeriodDays":(?<grace>N),"iat":(?<iat>N),\
        (?:"kid":S,)?(?:"label":S,)?"licenseId":S,"limits":\\{(?:S:[0-9]++,?)*+\\},(?:"maintenanceUntil":N,)?\
        (?:"maxActivations":[0-9]++,)?(?:"meta":\\{(?:S:S,?)*+\\},)?(?:"nbf":(?<nbf>N),)?(?:"product":S,)?\
        (?:"seats":[0-9]++,)?"tenantId":(?<tenant>S)(?:,"tier":S)?\\}\
        """.replace("S", STRING).replace("N", NUMBER));

    static byte[] license(PublicKey key, String text, String tenant, long now) throws Exception {
        String[] parts = text.split("\\.", -1);
        if (parts.length != 2) throw new Refused("malformed");
        byte[] payload = unbase64(parts[0]);
        // Over the bytes as sent, before anything in them is believed.
        if (!signed(key, payload, unbase64(parts[1]))) throw new Refused("bad-signature");
        if (payload.length == 0 || payload[0] != '{') throw new Refused("malformed");
        Matcher claims = CLAIMS.matcher(new String(payload, UTF_8));
        if (!claims.matches()) throw new Exception("the license asks for more than this example judges");
        long exp = Long.parseLong(claims.group("exp")), grace = Long.parseLong(claims.group("grace"));
        String quoted = '"' + tenant.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
        if (grace > 3650) throw new Refused("malformed");
        if (!claims.group("tenant").equals(quoted)) throw new Refused("wrong-tenant");
        if (claims.group("nbf") != null && now < Long.parseLong(claims.group("nbf"))) throw new Refused("not-yet-valid");
        if (now < Long.parseLong(claims.group("iat")) - 300) throw new Refused("clock-behind");
        if (now > exp + grace * 86400) throw new Refused("expired");
        return (now <= exp ? "ACTIVE\n" : "GRACE\n").getBytes(UTF_8);
    }

    static byte[] document(PublicKey key, String text, String type) throws Exception {
        if (!text.startsWith("{")) throw new Refused("malformed");
        if (text.contains("\\")) throw new Exception("this example does not read the escapes of the envelope");
        if (!only(text, "payloadType").equals(type)) throw new Refused("wrong-kind");
        byte[] payload = unbase64(only(text, "payload"));
        var message = new ByteArrayOutputStream();
        int length = type.getBytes(UTF_8).length;
        message.writeBytes("DSSEv1 %d %s %d ".formatted(length, type, payload.length).getBytes(UTF_8));
        message.writeBytes(payload);
        // Any one signature will do; its keyid is a hint and decides nothing.
        for (String signature : all(text, "sig")) {
            if (signed(key, message.toByteArray(), unbase64(signature))) return payload;
        }
        throw new Refused("bad-signature");
    }

    static boolean signed(PublicKey key, byte[] message, byte[] signature) throws Exception {
        Signature verifier = Signature.getInstance("Ed25519");
        verifier.initVerify(key);
        verifier.update(message);
        try {
            return verifier.verify(signature);
        } catch (SignatureException wrongLengthOrPoint) {
            return false;
        }
    }

    /** Padded, canonical base64 only; the decoder alone also takes text without its padding. */
    static byte[] unbase64(String text) throws Refused {
        try {
            byte[] data = Base64.getDecoder().decode(text);
            if (Base64.getEncoder().encodeToString(data).equals(text)) return data;
        } catch (IllegalArgumentException notBase64) {
            // Refused below.
        }
        throw new Refused("malformed");
    }

    static List<String> all(String text, String name) {
        Pattern member = Pattern.compile('"' + name + "\"\\s*:\\s*\"([^\"]*)\"");
        return member.matcher(text).results().map((MatchResult found) -> found.group(1)).toList();
    }

    static String only(String text, String name) throws Refused {
        List<String> values = all(text, name);
        if (values.size() != 1) throw new Refused("malformed");
        return values.get(0);
    }

    public static void main(String[] arguments) {
        if (arguments.length != 4 || !List.of("license", "document").contains(arguments[0])) {
            System.err.println("usage: Verify.java license|document KEY FILE TENANT|TYPE");
            System.exit(2);
        }
        try {
            String pem = Files.readString(Path.of(arguments[1])).replaceAll("-----(BEGIN|END) PUBLIC KEY-----|\\s", "");
            var spki = new X509EncodedKeySpec(Base64.getDecoder().decode(pem));
            PublicKey key = KeyFactory.getInstance("Ed25519").generatePublic(spki);
            String text = new String(Files.readAllBytes(Path.of(arguments[2])), UTF_8).strip();
            long now = Instant.now().getEpochSecond();
            byte[] answer = arguments[0].equals("license")
                ? license(key, text, arguments[3], now)
                : document(key, text, arguments[3]);
            System.out.write(answer, 0, answer.length);
            System.out.flush();
        } catch (Refused refused) {
            System.err.println("refused: " + refused.getMessage());
            System.exit(1);
        } catch (Throwable error) { // an uncaught one would exit with 1, which says no
            System.err.println("could not tell: " + error);
            System.exit(3);
        }
    }
}
