// How long Xerces (of the JDK) takes to validate a document and take its texts out, used as those do who want speed: one compiled
// schema, one parser and one handler, kept. Usage: java Speed.java SCHEMA DOCUMENT; each line of the input is a number of rounds,
// each answer the nanoseconds of one.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import javax.xml.XMLConstants;
import javax.xml.parsers.SAXParserFactory;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.Schema;
import javax.xml.validation.SchemaFactory;
import javax.xml.validation.ValidatorHandler;
import org.xml.sax.Attributes;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;
import org.xml.sax.XMLReader;
import org.xml.sax.helpers.DefaultHandler;

public class Speed {
    static class Taken extends DefaultHandler {
        final Map<String, String> values = new HashMap<>();
        final StringBuilder text = new StringBuilder();

        public void startElement(String space, String local, String name, Attributes attributes) {
            text.setLength(0);
        }

        public void characters(char[] all, int start, int length) {
            text.append(all, start, length);
        }

        public void endElement(String space, String local, String name) {
            if (text.length() > 0) values.put(local, text.toString());
            text.setLength(0);
        }

        public void error(SAXParseException fault) throws SAXException {
            throw fault;
        }
    }

    public static void main(String[] args) throws Exception {
        SchemaFactory factory = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
        Schema schema = factory.newSchema(new StreamSource(new File(args[0])));
        byte[] document = Files.readAllBytes(Path.of(args[1]));
        SAXParserFactory parsers = SAXParserFactory.newInstance();
        parsers.setNamespaceAware(true);
        XMLReader reader = parsers.newSAXParser().getXMLReader();
        ValidatorHandler handler = schema.newValidatorHandler();
        Taken taken = new Taken();
        handler.setContentHandler(taken);
        handler.setErrorHandler(taken);
        reader.setContentHandler(handler);
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
        for (String order = orders.readLine(); order != null; order = orders.readLine()) {
            int rounds = Integer.parseInt(order.trim());
            long begun = System.nanoTime();
            for (int round = 0; round < rounds; round++) {
                taken.values.clear();
                reader.parse(new InputSource(new ByteArrayInputStream(document)));
            }
            System.out.println((System.nanoTime() - begun) / rounds);
        }
    }
}
