// Judges documents by a schema with the Xerces of the JDK: one line for each, `+` or `-`, its path and the first complaint.
// Usage: java Judge SCHEMA LIST [FOLDER...]; LIST names one document per line, the folders hold what schemas call by an address.

import java.io.File;
import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.xml.XMLConstants;
import javax.xml.parsers.SAXParserFactory;
import javax.xml.transform.sax.SAXSource;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.Schema;
import javax.xml.validation.SchemaFactory;
import javax.xml.validation.Validator;
import org.w3c.dom.ls.LSInput;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXParseException;
import org.xml.sax.XMLReader;

public class Judge {
    static List<Path> schemas = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        for (int at = 2; at < args.length; at++) {
            try (Stream<Path> found = Files.walk(Path.of(args[at]))) {
                found.filter(path -> path.toString().endsWith(".xsd")).sorted().forEach(schemas::add);
            }
        }
        SchemaFactory factory = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
        factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, false);
        factory.setResourceResolver(Judge::resolve);
        Schema schema = factory.newSchema(new StreamSource(new File(args[0])));
        SAXParserFactory parsers = SAXParserFactory.newInstance();
        parsers.setNamespaceAware(true);
        for (String file : Files.readAllLines(Path.of(args[1]))) {
            XMLReader reader = parsers.newSAXParser().getXMLReader();
            Validator validator = schema.newValidator();
            First first = new First();
            validator.setErrorHandler(first);
            try (FileInputStream octets = new FileInputStream(file)) {
                validator.validate(new SAXSource(reader, new InputSource(octets)));
            } catch (SAXParseException fault) {
                first.add(fault);
            }
            String told = first.told == null ? "" : first.told.replaceAll("[\r\n\t]+", " ");
            System.out.println((first.told == null ? "+" : "-") + "\t" + file + "\t" + told);
        }
    }

    static class First implements ErrorHandler {
        String told;

        void add(SAXParseException fault) {
            if (told == null) told = String.valueOf(fault.getMessage());
        }

        public void warning(SAXParseException fault) {}

        public void error(SAXParseException fault) {
            add(fault);
        }

        public void fatalError(SAXParseException fault) {
            add(fault);
        }
    }

    /** An address in the net is a file of that name, or else for that namespace; everything else is found as it is written. */
    static LSInput resolve(String type, String namespace, String publicId, String systemId, String base) {
        if (systemId == null || !systemId.contains("://")) return null;
        String name = systemId.substring(systemId.lastIndexOf('/') + 1);
        for (Path path : schemas) {
            if (path.getFileName().toString().equals(name)) return new Input(path, publicId);
        }
        for (Path path : schemas) {
            try {
                if (Files.readString(path).contains("targetNamespace=\"" + namespace + "\"")) {
                    return new Input(path, publicId);
                }
            } catch (java.io.IOException fault) {
                // Not text: not what is looked for.
            }
        }
        throw new IllegalStateException("not at hand: " + systemId);
    }

    static class Input implements LSInput {
        final Path path;
        final String publicId;

        Input(Path path, String publicId) {
            this.path = path;
            this.publicId = publicId;
        }

        public String getSystemId() {
            return path.toUri().toString();
        }

        public String getPublicId() {
            return publicId;
        }

        public java.io.InputStream getByteStream() {
            try {
                return new FileInputStream(path.toFile());
            } catch (java.io.FileNotFoundException fault) {
                throw new IllegalStateException(fault);
            }
        }

        public java.io.Reader getCharacterStream() {
            return null;
        }

        public String getStringData() {
            return null;
        }

        public String getBaseURI() {
            return null;
        }

        public String getEncoding() {
            return null;
        }

        public boolean getCertifiedText() {
            return false;
        }

        public void setCharacterStream(java.io.Reader reader) {}

        public void setByteStream(java.io.InputStream stream) {}

        public void setStringData(String data) {}

        public void setSystemId(String id) {}

        public void setPublicId(String id) {}

        public void setBaseURI(String uri) {}

        public void setEncoding(String encoding) {}

        public void setCertifiedText(boolean certified) {}
    }
}
