"""A small intermediary of OSCI 1.2 for tests, written from the description of the protocol and sharing nothing with the product: mailboxes by
cipher certificate, process cards, dialogs. Every order is verified by `verify.py` before it is carried out. Faults are ordered by a test.

usage: osci_intermediary.py FOLDER   (FOLDER has verify.py and keys/); says its port on the first line.
POST /            an order
POST /inject      a recorded StoreDelivery for the mailbox that it names, whoever gave its id
POST /script      {"FetchDelivery": ["tamper", …]}: what is done wrong at the next orders of this kind, one after the other; null is nothing
GET  /seen        every order: kind, message id, dialog, what the verifier said of it, the subject
GET  /cards       message id -> {"creation", "forwarding", "reception", "subject"}
"""
import base64, hashlib, html, importlib.util, json, os, re, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PLACE = sys.argv[1]
spec = importlib.util.spec_from_file_location("verify", os.path.join(PLACE, "verify.py"))
v = importlib.util.module_from_spec(spec)
spec.loader.exec_module(v)

NS = {
    "ds": v.D, "osci": v.O, "soap": v.S, "xenc": v.E, "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
FIVE = " ".join('xmlns:%s="%s"' % (k, NS[k]) for k in sorted(NS))
NEXT = 'soap:actor="http://schemas.xmlsoap.org/soap/actor/next" soap:mustUnderstand="1"'
NONE = 'soap:actor="http://www.w3.org/2001/12/soap-envelope/actor/none" soap:mustUnderstand="1"'
SHA256 = v.E + "sha256"
NOW = "2026-12-01T12:00:00+01:00"


def lines(octets):
    text = base64.b64encode(octets).decode()
    return "\n".join(text[i:i + 76] for i in range(0, len(text), 76))


def key(name):
    return serialization.load_pem_private_key(open("%s/keys/%s.key.pem" % (PLACE, name), "rb").read(), None)


def certificate(name):
    pem = open("%s/keys/%s.crt.pem" % (PLACE, name), "rb").read()
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def named(element, der):
    role = {"Cipher": "cipher", "Signature": "signature"}[element.split("Certificate")[0]]
    prefix = "intermed" if element.endswith("Intermediary") else element.split("Certificate")[1].lower()
    text = "%s_%s_%s" % (prefix, role, hashlib.sha256(der).hexdigest())
    return text, '<osci:%s Id="%s"><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></osci:%s>' % (
        element, text, lines(der), element)


def signed(parts, beside, signer):
    """SignedInfo, value and KeyInfo over parts (element trees) and octets beside the envelope."""
    refs = []
    for element in parts:
        digest = hashlib.sha256(v.c14n(element)).digest()
        refs.append('<ds:Reference URI="#%s"><ds:Transforms><ds:Transform Algorithm="%s"></ds:Transform></ds:Transforms>'
                    '<ds:DigestMethod Algorithm="%s"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference>'
                    % (element.get("Id"), v.C14N, SHA256, base64.b64encode(digest).decode()))
    for name, octets in beside:
        digest = base64.b64encode(hashlib.sha256(octets).digest()).decode()
        refs.append('<ds:Reference URI="cid:%s"><ds:DigestMethod Algorithm="%s"></ds:DigestMethod><ds:DigestValue>%s'
                    '</ds:DigestValue></ds:Reference>' % (name, SHA256, digest))
    info = ('<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="%s"></ds:CanonicalizationMethod><ds:SignatureMethod '
            'Algorithm="http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"></ds:SignatureMethod>%s</ds:SignedInfo>'
            % (v.C14N, "".join(refs)))
    tree = v.parse(("<ds:Signature %s>%s</ds:Signature>" % (FIVE, info)).encode())
    octets = v.c14n(tree[0], {})
    value = key(signer[0]).sign(octets, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return ('<ds:Signature>%s<ds:SignatureValue>%s</ds:SignatureValue><ds:KeyInfo><ds:RetrievalMethod URI="#%s">'
            '</ds:RetrievalMethod></ds:KeyInfo></ds:Signature>' % (info, lines(value), signer[1]))


def package(envelope, beside):
    boundary = "MIME_boundary_" + hashlib.sha256(os.urandom(16)).hexdigest()[:32]
    out = ("MIME-Version: 1.0\r\nContent-Type: Multipart/Related; boundary=%s; type=text/xml\r\n\r\n--%s\r\n"
           "Content-Type: text/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-ID: <osci@message>\r\n\r\n"
           '<?xml version="1.0" encoding="UTF-8"?>\r\n\r\n%s' % (boundary, boundary, envelope)).encode()
    for name, octets in beside:
        out += ("\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: 8-bit\r\n"
                "Content-ID: <%s>\r\nContent-Length: %d\r\n\r\n" % (boundary, name, len(octets))).encode() + octets
    return out + ("\r\n--%s--\r\n" % boundary).encode()


def encrypted(inner, der):
    k, iv = os.urandom(32), os.urandom(12)
    c = Cipher(algorithms.AES(k), modes.GCM(iv)).encryptor()
    sealed = iv + c.update(inner) + c.finalize() + c.tag
    wrapped = x509.load_der_x509_certificate(der).public_key().encrypt(
        k, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    envelope = (
        '<soap:Envelope xmlns:ds="%(ds)s" xmlns:soap="%(soap)s" xmlns:xenc="%(xenc)s" xmlns:xsi="%(xsi)s" xsi:schemaLocation="'
        '%(soap)s soapMessageEncrypted.xsd %(ds)s oscisig.xsd %(xenc)s oscienc.xsd"><soap:Body><xenc:EncryptedData MimeType="'
        'Multipart/Related">' % NS +
        '<xenc:EncryptionMethod Algorithm="%saes256-gcm"><osci128:IvLength xmlns:osci128="%s" Value="12"></osci128:IvLength>'
        '</xenc:EncryptionMethod><ds:KeyInfo><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="%srsa-oaep"><xenc11:MGF '
        'xmlns:xenc11="%s" Algorithm="%smgf1sha256"></xenc11:MGF><ds:DigestMethod Algorithm="%s"></ds:DigestMethod>'
        '</xenc:EncryptionMethod>' % (v.E11, v.O8, v.E11, v.E11, v.E11, SHA256) +
        '<ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo><xenc:CipherData>'
        '<xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData>'
        '<xenc:CipherReference URI="cid:osci_enc"><xenc:Transforms><ds:Transform Algorithm="%s"></ds:Transform>'
        '</xenc:Transforms></xenc:CipherReference></xenc:CipherData></xenc:EncryptedData></soap:Body></soap:Envelope>'
        % (lines(der), lines(wrapped), v.B64))
    out = package(envelope, [])
    boundary = re.search(rb"boundary=([^;\r]+)", out).group(1)
    end = b"\r\n--" + boundary + b"--\r\n"
    assert out.endswith(end)
    return (out[:-len(end)] + b"\r\n\r\n--" + boundary + b"\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Transfer-Encoding: binary\r\nContent-ID: <osci_enc>\r\n\r\n" + sealed + end)


def encoded(text):
    return lines(text.encode())


class Fault(Exception):
    pass


class Order:
    """An order as it came: opened, verified, taken apart."""

    def __init__(self, body):
        self.said = " ; ".join(v.check(body))
        plain, self.sealed = v.transport(body)
        parts = v.mime(plain)
        self.text = parts[0][1].decode()
        root = v.parse(parts[0][1])
        self.beside = [(h["content-id"].strip("<>"), v.attbytes(h, d)) for h, d in parts[1:]]
        self.kind = re.search(r"soap(\w+)\.xsd", root.get("{%s}schemaLocation" % NS["xsi"])).group(1)
        header = root.find("{%s}Header" % v.S)
        self.names = [(e.tag.split("}")[1], e) for e in header]
        control = header.find("{%s}ControlBlock" % v.O)
        text = lambda name: getattr(control.find("{%s}%s" % (v.O, name)), "text", None)
        self.challenge, self.response = text("Challenge"), text("Response")
        self.conversation, self.sequence = control.get("ConversationId"), control.get("SequenceNumber")
        self.certs = {e.tag.split("}")[1]: v.b64(e.find(".//{%s}X509Certificate" % v.D).text)
                      for e in root.iter() if isinstance(e.tag, str) and "Certificate" in e.tag
                      and e.find("{%s}X509Data" % v.D) is not None}
        name = self.kind[0].lower() + self.kind[1:]
        self.order = next(e for e in root.iter("{%s}%s" % (v.O, name)))
        ids = [v.b64(e.text).decode() for e in self.order.iter("{%s}MessageId" % v.O)]
        self.id = ids[0] if ids else None
        subject = self.order.find("{%s}Subject" % v.O)
        self.subject = None if subject is None else subject.text
        signature = re.search(r"<osci:ClientSignature.*?</osci:ClientSignature>", self.text, re.S)
        if signature is None or "ClientSignature ok(" not in self.said or "DIFF" in self.said or "MISMATCH" in self.said:
            raise Fault("9601")


class Box:
    def __init__(self):
        self.issued, self.cards, self.stored = set(), {}, {}
        self.dialogs, self.seen, self.script, self.count = {}, [], {}, 0

    def card(self, id):
        c = self.cards[id]
        times = "".join("<osci:%s><osci:Plain>%s</osci:Plain></osci:%s>" % (n, c[n.lower()], n)
                        for n in ("Creation", "Forwarding", "Reception") if c[n.lower()])
        subject = "<osci:Subject>%s</osci:Subject>" % html.escape(c["subject"], quote=False) if c["subject"] else ""
        return ('<osci:ProcessCardBundle><osci:MessageId>%s</osci:MessageId><osci:ProcessCard RecentModification="%s">%s%s'
                '</osci:ProcessCard><osci:InspectionReport></osci:InspectionReport></osci:ProcessCardBundle>'
                % (encoded(id), NOW, times, subject))

    def store(self, order, id):
        nic = re.search(r"<osci:NonIntermediaryCertificates.*?</osci:NonIntermediaryCertificates>", order.text, re.S).group(0)
        inner = re.search(r"<soap:Body[^>]*>(.*)</soap:Body>", order.text, re.S).group(1)
        self.cards[id] = {"creation": NOW, "forwarding": None, "reception": None, "subject": order.subject,
                          "to": hashlib.sha256(order.certs["CipherCertificateAddressee"]).hexdigest(),
                          "from": hashlib.sha256(order.certs["CipherCertificateOriginator"]).hexdigest()}
        self.stored[id] = (nic, inner, order.beside)

    def answer(self, body):
        try:
            order = Order(body)
        except Fault as fault:
            return self.fault(fault)
        self.seen.append({"kind": order.kind, "id": order.id, "dialog": order.conversation, "said": order.said,
                          "subject": order.subject, "sealed": order.sealed})
        wrong = (self.script.get(order.kind) or [None]).pop(0) if self.script.get(order.kind) else None
        if wrong == "drop-before":
            return None
        try:
            out = self.carry_out(order, wrong)
        except Fault as fault:
            return self.fault(fault)
        return None if wrong == "drop" else out

    def fault(self, code):
        text = ('<soap:Envelope xmlns:soap="%s" xmlns:osci="%s"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode>'
                '<faultstring>x</faultstring><detail><osci:Code>%s</osci:Code></detail></soap:Fault></soap:Body></soap:Envelope>'
                % (v.S, v.O, code))
        return package(text, [])

    def carry_out(self, o, wrong):
        me = o.certs.get("CipherCertificateOriginator")
        dialog = None
        if o.kind == "InitDialog":
            self.count += 1
            o.conversation = "1504642165557441448163539627%04d" % self.count
            dialog = self.dialogs[o.conversation] = {"me": me, "next": 0, "fetched": None}
        elif o.conversation:
            dialog = self.dialogs.get(o.conversation)
            if dialog is None or o.response != dialog["challenge"] or o.sequence != str(dialog["next"]):
                raise Fault("9400")
            dialog["next"] += 1
            me = dialog["me"]
            # Another order in the dialog says that what was fetched before was received.
            if dialog["fetched"]:
                self.cards[dialog["fetched"]]["reception"] = NOW
                dialog["fetched"] = None
        code, header, body, more, beside, nic = self.act(o, dialog, me, wrong)
        challenge = base64.b64encode(os.urandom(10)).decode()
        if dialog is not None:
            dialog["challenge"] = challenge
        return self.respond(o, (code, header, body, more, beside, nic), challenge, me, wrong)

    def act(self, o, dialog, me, wrong):
        """Code, extra in the order element, body, warnings, attachments, certificates."""
        who = hashlib.sha256(me).hexdigest()
        if wrong and wrong.startswith("feedback:"):
            return wrong[9:], "", "", [], [], ""
        if o.kind == "GetMessageId":
            id = "test_%s" % hashlib.sha256(os.urandom(8)).hexdigest()[:40]
            self.issued.add(id)
            return "0800", "<osci:MessageId>%s</osci:MessageId>" % encoded(id), "", [], [], ""
        if o.kind in ("StoreDelivery", "ForwardDelivery"):
            if o.id not in self.issued:
                return "9801", "", "", [], [], ""
            self.issued.discard(o.id)
            self.store(o, o.id)
            if o.kind == "ForwardDelivery":
                self.cards[o.id].update(forwarding=NOW, reception=NOW)
            return "0800", self.card(o.id), "", [], [], ""
        if dialog is None and o.kind != "InitDialog":
            return "9802", "", "", [], [], ""
        if o.kind == "FetchProcessCard":
            rule = o.order.find("{%s}SelectionRule" % v.O)
            recent = rule.find("{%s}RecentModification" % v.O)
            if recent is None:
                ids = [i for i in [o.id] if i in self.cards and who in (self.cards[i]["from"], self.cards[i]["to"])]
            else:
                role = recent.get("Role")
                ids = [i for i, c in self.cards.items() if c["to" if role == "Addressee" else "from"] == who
                       and not (recent.get("NoReception") == "true" and c["reception"])]
            quantity = o.order.find("{%s}Quantity" % v.O)
            most = int(quantity.get("Limit")) if quantity is not None else 100
            echo = re.search(r"<osci:fetchProcessCard>(.*)</osci:fetchProcessCard>", o.text, re.S).group(1)
            echo = "<osci:fetchProcessCard>%s</osci:fetchProcessCard>" % echo
            if not ids:
                return "9804", echo, "", [], [], ""
            return "0801", echo + "".join(map(self.card, ids[:most])), "", ["3801"] if len(ids) > most else [], [], ""
        if o.kind == "FetchDelivery":
            if o.id not in self.stored or self.cards[o.id]["to"] != who:
                return "9803", "<osci:fetchDelivery></osci:fetchDelivery>", "", [], [], ""
            self.cards[o.id]["forwarding"] = NOW
            dialog["fetched"] = o.id
            nic, inner, beside = self.stored[o.id]
            if wrong == "spoil-content":
                # The last cipher value is that of a content: its tag fits no more. Signed like everything else.
                start = inner.rindex("<xenc:CipherValue>") + len("<xenc:CipherValue>")
                end = inner.index("<", start)
                octets = bytearray(v.b64(inner[start:end]))
                octets[-1] ^= 1
                inner = inner[:start] + lines(bytes(octets)) + inner[end:]
            id = "another" if wrong == "other-delivery" else o.id
            if wrong == "other-delivery":
                self.cards[id] = self.cards[o.id]
            echo = ("<osci:fetchDelivery><osci:SelectionRule><osci:MessageId>%s</osci:MessageId></osci:SelectionRule>"
                    "</osci:fetchDelivery>" % encoded(o.id))
            return "0801", echo + self.card(id), inner, [], beside, nic
        return ("0801" if o.kind == "InitDialog" else "0800"), "", "", [], [], ""

    def respond(self, o, answer, challenge, me, wrong):
        code, extra, body, more, beside, nic = answer
        kind = "ResponseTo" + o.kind
        name = "responseTo" + o.kind
        entries = "".join('<osci:Entry xml:lang="de"><osci:Code>%s</osci:Code><osci:Text>x</osci:Text></osci:Entry>' % c
                          for c in more + [code])
        inside = "<osci:Feedback>%s</osci:Feedback>%s" % (entries, extra)
        response = "anders" if wrong == "wrong-response" else o.challenge
        conversation = o.conversation or "9000000000000000000000000000000%d" % len(self.seen)
        if wrong == "wrong-conversation":
            conversation = "7"
        sequence = "99" if wrong == "wrong-sequence" else o.sequence
        numbers = "" if sequence is None else ' SequenceNumber="%s"' % sequence
        last = "" if o.kind == "ExitDialog" else "<osci:Challenge>%s</osci:Challenge>" % challenge
        headers = ['<osci:ControlBlock %s ConversationId="%s" Id="controlblock"%s %s><osci:Response>%s</osci:Response>%s'
                   '</osci:ControlBlock>' % (FIVE, conversation, numbers, NEXT, response, last)]
        in_header = o.kind in ("StoreDelivery", "ForwardDelivery", "FetchDelivery")
        element = "<osci:%s>%s</osci:%s>" % (name, inside, name)
        if in_header:
            headers.append('<osci:%s %s Id="%s" %s>%s</osci:%s>' % (name, FIVE, name.lower(), NEXT, inside, name))
            text = body
        else:
            text = element
        who = "author_sig" if wrong == "other-certificate" else "intermed_sig"
        id, own = named("SignatureCertificateIntermediary", certificate(who))
        headers.append('<osci:IntermediaryCertificates %s Id="intermediarycertificates" %s>%s</osci:IntermediaryCertificates>'
                       % (FIVE, NONE, own))
        if nic:
            headers.append(nic)
        start = ('<soap:Envelope %s xsi:schemaLocation="%s soap%s.xsd %s oscisig.xsd %s oscienc.xsd"><soap:Header>'
                 % (FIVE, v.S, kind, v.D, v.E))
        end = '</soap:Header><soap:Body %s Id="body">%s</soap:Body></soap:Envelope>' % (FIVE, text)
        signature = ""
        if wrong != "unsigned":
            root = v.parse((start + "".join(headers) + end).encode())
            parts = list(root[0]) + [root[1]]
            signature = '<osci:SupplierSignature Id="suppliersignature" %s>%s</osci:SupplierSignature>' % (
                NEXT, signed(parts, beside, (who, id)))
        envelope = start + headers[0] + signature + "".join(headers[1:]) + end
        if wrong == "tamper":
            envelope = envelope.replace("<osci:Text>x<", "<osci:Text>y<")
        inner = package(envelope, beside)
        if not o.sealed or wrong == "plain":
            return inner
        out = encrypted(inner, certificate("reader_enc") if wrong == "undecryptable" else me)
        return out


BOX = Box()
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def reply(self, octets, kind="application/json"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def do_GET(self):
        with LOCK:
            told = json.dumps({"/seen": BOX.seen, "/cards": BOX.cards}[self.path]).encode()
        self.reply(told)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/script":
            script = json.loads(body)
            with LOCK:
                if script is None:
                    BOX.script = {}
                for kind, steps in (script or {}).items():
                    BOX.script.setdefault(kind, []).extend(steps)
            return self.reply(b"{}")
        if self.path == "/inject":
            order = Order(body)
            with LOCK:
                BOX.store(order, order.id)
            return self.reply(json.dumps(order.id).encode())
        with LOCK:
            answer = BOX.answer(body)
        if answer is None:
            self.close_connection = True
            return self.connection.close()
        self.reply(answer, "text/xml")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
