// Ed25519 keys and license tokens with the security classes of the JDK, which cannot open keys under scrypt.

import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import javax.crypto.Cipher;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

public class Peer {
    static final Base64.Encoder ENCODER = Base64.getEncoder();

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "probe" -> KeyFactory.getInstance("Ed25519");
            case "make" -> make(Path.of(arguments[1]), arguments[2]);
            case "sign" -> sign(Path.of(arguments[1]), Files.readAllBytes(Path.of(arguments[3])));
            case "verify" -> verify(Path.of(arguments[1]), arguments[2].split("\\."));
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    static void make(Path path, String passphrase) throws Exception {
        var pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        var label = passphrase.isEmpty() ? "PRIVATE KEY" : "ENCRYPTED PRIVATE KEY";
        var der = passphrase.isEmpty() ? pair.getPrivate().getEncoded() : seal(pair.getPrivate(), passphrase);
        var body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
        var pem = "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----\n";
        Files.writeString(path, pem, StandardOpenOption.CREATE_NEW);
        System.out.println(ENCODER.encodeToString(pair.getPublic().getEncoded()));
    }

    static byte[] seal(PrivateKey key, String passphrase) throws Exception {
        var algorithm = "PBEWithHmacSHA256AndAES_256";
        var secret = SecretKeyFactory.getInstance(algorithm).generateSecret(new PBEKeySpec(passphrase.toCharArray()));
        var cipher = Cipher.getInstance(algorithm);
        cipher.init(Cipher.ENCRYPT_MODE, secret);
        // EncryptedPrivateKeyInfo cannot name PBES2 before JDK 19.
        var pbes2 = tagged(0x06, HexFormat.of().parseHex("2a864886f70d01050d"));
        var algorithmIdentifier = tagged(0x30, pbes2, cipher.getParameters().getEncoded());
        return tagged(0x30, algorithmIdentifier, tagged(0x04, cipher.doFinal(key.getEncoded())));
    }

    static byte[] tagged(int tag, byte[]... parts) {
        var content = new ByteArrayOutputStream();
        for (var part : parts) {
            content.writeBytes(part);
        }
        var der = new ByteArrayOutputStream();
        der.write(tag);
        if (content.size() >= 0x80) {
            der.write(0x81);
        }
        der.write(content.size());
        der.writeBytes(content.toByteArray());
        return der.toByteArray();
    }

    static void sign(Path path, byte[] payload) throws Exception {
        var signature = Signature.getInstance("Ed25519");
        signature.initSign(KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(der(path))));
        signature.update(payload);
        System.out.println(ENCODER.encodeToString(payload) + "." + ENCODER.encodeToString(signature.sign()));
    }

    static void verify(Path path, String[] token) throws Exception {
        var signature = Signature.getInstance("Ed25519");
        signature.initVerify(KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der(path))));
        signature.update(Base64.getDecoder().decode(token[0]));
        System.out.println(signature.verify(Base64.getDecoder().decode(token[1])) ? "valid" : "refused");
    }

    static byte[] der(Path path) throws Exception {
        return Base64.getMimeDecoder().decode(Files.readString(path).replaceAll("-----[A-Z ]+-----", ""));
    }
}
