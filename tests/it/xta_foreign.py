"""A small XTA 2.1.1 server of nobody's stack: HTTPS with client certificates, SOAP 1.2, MTOM, messages in memory.

It is written from the description of the standard and shares nothing with the program that is tested against it; zeep and the official schemas
judge it first. Reads one JSON object from standard input (certificates, accounts, paths), writes its two ports as a JSON line, and serves until
its standard input ends. Its second port is the hand of the test: messages are put there, faults are ordered, the state is read.
"""
import base64
import datetime
import email.parser
import gzip
import http.server
import itertools
import json
import re
import ssl
import sys
import threading
import time
import urllib.parse
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
XTA = "http://xoev.de/transport/xta/211"
META = "http://www.osci.eu/ws/2014/10/transport"
BOX = "http://www.osci.eu/ws/2008/05/transport"
XOP = "http://www.w3.org/2004/08/xop/include"
XTA_ACTION = "http://www.xta.de/XTA/"
BOX_ACTION = "http://www.osci.eu/ws/2008/05/transport/urn/messageTypes/"
REASON = "http://www.osci.eu/ws/2008/05/transport/MsgBox/reasons/"
ANONYMOUS = WSA + "/anonymous"
NAMES = f'xmlns:s="{SOAP}" xmlns:a="{WSA}" xmlns:x="{XTA}" xmlns:m="{META}" xmlns:o="{BOX}"'
for prefix, uri in [("s", SOAP), ("a", WSA), ("x", XTA), ("m", META), ("o", BOX), ("xop", XOP)]:
    ET.register_namespace(prefix, uri)

PORTS = {
    "management": ["CheckAccountActive", "IsServiceAvailable", "CreateMessageID", "CancelMessage", "GetTransportReport"],
    "send": ["SendMessage", "SendMessageSync"],
    "mailbox": [
        "MsgBoxStatusListRequest", "MsgBoxGetNextListRequest", "MsgBoxFetchRequest", "MsgBoxGetNextMsgRequest", "MsgBoxCloseRequest",
    ],
}
FAULTS = {
    "PermissionDeniedException": range(9010, 9020), "ParameterIsNotValidException": range(9020, 9030),
    "XTAWSTechnicalProblemException": range(9030, 9050), "MessageSchemaViolationException": range(9050, 9060),
    "MessageVirusDetectionException": range(9060, 9070), "InvalidMessageIDException": range(9070, 9080),
    "SyncAsyncException": range(9080, 9090), "CancelDeniedException": range(9100, 9110),
}


class No(Exception):
    """A fault with a code of the list, or of the protocol alone."""

    def __init__(self, code, text="nein"):
        super().__init__(text)
        self.code, self.text = code, text


def q(namespace, local):
    return f"{{{namespace}}}{local}"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Message:
    def __init__(self, meta, contents):
        self.meta, self.contents = meta, contents
        self.fetched, self.closed, self.status, self.at = 0, False, None, time.time()
        self.box = None

    def text(self, path):
        return (self.meta.findtext(path) or "").strip()

    @property
    def id(self):
        return self.text(f"{q(META, 'MsgIdentification')}/{q(WSA, 'MessageID')}")

    def party(self, where, who):
        return self.text(f"{q(META, where)}/{q(META, who)}/{q(META, 'Identifier')}")

    author = property(lambda self: self.party("Originators", "Author"))
    reader = property(lambda self: self.party("Destinations", "Reader"))

    def stamp(self, name):
        held = self.meta.find(q(META, "DeliveryAttributes"))
        order = ["Origin", "InitialSend", "NotBefore", "ObsoleteAfter", "Delivery", "InitialFetch", "Reception"]
        if held.find(q(META, name)) is not None:
            return
        before = {q(META, other) for other in order[: order.index(name)]}
        at = sum(1 for child in held if child.tag in before)
        element = ET.Element(q(META, name))
        element.text = now()
        held.insert(at, element)


class Server:
    def __init__(self, config):
        self.accounts = config["accounts"]
        self.paths = {path: port for port, path in config["paths"].items()}
        self.next_pages = config.get("next-pages", True)
        self.cap = config.get("cap", 100)
        self.by_time = config.get("by-time", True)
        self.services = config.get("services", [])
        self.lock = threading.RLock()
        self.messages, self.lists, self.script = {}, {}, []
        self.calls, self.answers, self.sent, self.identities = [], [], 0, {}

    # --- what the operations do -------------------------------------------------------------------------------------------------

    def account(self, name, stated):
        own = self.accounts.get(name)
        if own is None:
            raise No(9012, "Account nicht vorhanden.")
        if stated in (None, "*"):
            return list(own)
        if stated not in own:
            raise No(9014, "Zertifikat passt nicht zur Absenderkennung.")
        return [stated]

    def of(self, id):
        found = self.messages.get(id.strip().lower())
        if found is None:
            raise No(9070, "MessageID fuer den Account nicht bekannt.")
        return found

    def CheckAccountActive(self, own, header, body):
        return "", ""

    def CreateMessageID(self, own, header, body):
        return "", f"<a:MessageID>urn:de:xta:messageid:fremd:{uuid.uuid4()}</a:MessageID>"

    def IsServiceAvailable(self, own, header, body):
        out = []
        for asked in body.iter(q(XTA, "LookupService")):
            reader, service = asked.find(q(META, "Reader")), asked.findtext(q(XTA, "ServiceType"))
            value = '<x:ServiceIsAvailable>%s</x:ServiceIsAvailable>' % ("true" if service in self.services else "false")
            out.append(
                f"<x:LookupServiceResult>{ET.tostring(reader, encoding='unicode')}<x:ServiceType>{escape(service)}</x:ServiceType>"
                f"<x:IsServiceAvailableValue>{value}</x:IsServiceAvailableValue></x:LookupServiceResult>"
            )
        results = "".join(out)
        return "", f"<x:LookupServiceResponse><x:LookupServiceResultList>{results}</x:LookupServiceResultList></x:LookupServiceResponse>"

    def CancelMessage(self, own, header, body):
        found = self.messages.get((body.text or "").strip().lower())
        if found is None or found.author not in own:
            raise No(9022, "Unbekannt.")
        until = found.text(f"{q(META, 'DeliveryAttributes')}/{q(META, 'NotBefore')}")
        if not until:
            raise No(9101, "Der Schalter NotBefore wurde nicht gesetzt.")
        if until <= now():
            raise No(9100, "Der Zeitpunkt NotBefore ist ueberschritten.")
        del self.messages[found.id.lower()]
        return "", ""

    def GetTransportReport(self, own, header, body):
        found = self.of(body.text or "")
        if found.author not in own and found.reader not in own:
            raise No(9070, "MessageID fuer den Account nicht bekannt.")
        status = found.status if found.status is not None else int(found.closed)
        record = (
            f'<x:Timestamp>{now()}</x:Timestamp><x:Code listURI="urn:de:xta:codeliste:record.type" listVersionID="1"><code>ABGELEGT</code></x:Code>'
            "<x:Reason>Nachricht abgelegt</x:Reason>"
        )
        kind = {2: "Warn", 3: "Error"}.get(status, "Info")
        outer = {"Warn": "WarnList", "Error": "ErrorList", "Info": "InfoList"}[kind]
        inner = {"Warn": "Warning", "Error": "Error", "Info": "Info"}[kind]
        records = f"<x:{outer}><x:{inner}>{record}</x:{inner}></x:{outer}>"
        return "", (
            f"<x:TransportReport>{ET.tostring(found.meta, encoding='unicode')}<x:ReportTime>{now()}</x:ReportTime>"
            f"<x:XTAServerIdentity>fremd</x:XTAServerIdentity><x:MessageStatus><x:Status>{status}</x:Status>{records}</x:MessageStatus></x:TransportReport>"
        )

    def SendMessage(self, own, header, body, parts):
        meta = header.get(q(META, "MessageMetaData"))
        if meta is None:
            raise No(9020, "Keine Parameter.")
        container = body.find(q(XTA, "ContentContainer"))
        contents = []
        for element in container:
            include = element.find(q(XOP, "Include"))
            if include is not None:
                octets = parts[urllib.parse.unquote(include.get("href")[4:])]
            else:
                octets = base64.b64decode(element.text or "")
            contents.append((element.tag.rsplit("}", 1)[1], dict(element.attrib), octets))
        message = Message(meta, contents)
        if message.author not in own:
            raise No(9014, "Zertifikat passt nicht zur Absenderkennung.")
        if message.id.lower() in self.messages:
            raise No(9024, "MessageID ist bereits vergeben.")
        message.stamp("InitialSend")
        message.stamp("Delivery")
        self.messages[message.id.lower()] = message
        self.sent += 1
        return "", ""

    def SendMessageSync(self, own, header, body, parts):
        raise No(9080, "Nur asynchron.")

    def selected(self, own, body):
        selector = body.find(q(BOX, "MsgSelector"))
        ids = [] if selector is None else [(one.text or "").strip().lower() for one in selector.findall(q(WSA, "MessageID"))]
        new = selector is not None and selector.get("newEntry") in ("true", "1")
        found = [one for one in self.messages.values() if (one.box or one.reader) in own and not one.closed]
        since = (selector.findtext(q(BOX, "MsgBoxEntryTimeFrom")) or "").strip() if selector is not None and self.by_time else ""
        found = [one for one in found if (not ids or one.id.lower() in ids) and not (new and one.fetched)]
        if since:
            told = lambda one: one.text(f"{q(META, 'DeliveryAttributes')}/{q(META, 'Delivery')}").rstrip("Z")
            found = [one for one in found if told(one) >= since.rstrip("Z")]
        return sorted(found, key=lambda one: one.at)

    @staticmethod
    def remaining(request, many):
        inside = f"<o:ItemsPending>{many}</o:ItemsPending>" if many is not None else f'<o:NoMessageAvailable reason="{REASON}NoMatch"/>'
        return f'<o:MsgBoxResponse MsgBoxRequestID="{request}">{inside}</o:MsgBoxResponse>'

    def page(self, request):
        ids, most, brief = self.lists[request]
        page, self.lists[request] = ids[:most], (ids[most:], most, brief)
        held = [self.messages[id] for id in page if id in self.messages]
        if brief:
            told = "".join(
                f"<o:MsgAttributes><a:MessageID>{escape(one.id)}</a:MessageID><o:TypeOfBusinessScenario>urn:x</o:TypeOfBusinessScenario>"
                f"<o:MsgSize>1</o:MsgSize><o:DeliveryTime>{now()}</o:DeliveryTime></o:MsgAttributes>" for one in held
            )
        else:
            told = "".join(ET.tostring(one.meta, encoding="unicode") for one in held)
        left = len(self.lists[request][0])
        return self.remaining(request, left if held else None), f"<o:MsgStatusList>{told}</o:MsgStatusList>"

    def MsgBoxStatusListRequest(self, own, header, body):
        request = f"urn:uuid:{uuid.uuid4()}"
        most = min(int(body.get("maxListItems") or self.cap), self.cap)
        brief = body.get("ListForm", "").startswith("MsgA")
        self.lists[request] = ([one.id.lower() for one in self.selected(own, body)], most, brief)
        return self.page(request)

    def MsgBoxGetNextListRequest(self, own, header, body):
        request = body.get("MsgBoxRequestID")
        if not self.next_pages or request not in self.lists:
            return self.remaining(f"urn:uuid:{uuid.uuid4()}", None), "<o:MsgStatusList/>"
        return self.page(request)

    def MsgBoxFetchRequest(self, own, header, body):
        found = self.selected(own, body)
        if not found:
            raise No(9070, "MessageID fuer den Account nicht bekannt.")
        return self.handed(found[0], len(found) - 1, f"urn:uuid:{uuid.uuid4()}")

    def MsgBoxGetNextMsgRequest(self, own, header, body):
        raise No(9070, "Nicht angeboten.")

    def handed(self, found, left, request):
        found.fetched += 1
        found.stamp("InitialFetch")
        contents = "".join(
            f"<x:{name}{''.join(f' {key}={quoteattr(value)}' for key, value in attributes.items())}>\0{at}\0</x:{name}>"
            for at, (name, attributes, _) in enumerate(found.contents)
        )
        head = ET.tostring(found.meta, encoding="unicode") + self.remaining(request, left)
        body = f"<x:GenericContentContainer><x:ContentContainer>{contents}</x:ContentContainer></x:GenericContentContainer>"
        return head, body, [octets for _, _, octets in found.contents]

    def MsgBoxCloseRequest(self, own, header, body):
        for one in body.findall(q(BOX, "LastMsgReceived")):
            found = self.of(one.text or "")
            if (found.box or found.reader) not in own:
                raise No(9070, "MessageID fuer den Account nicht bekannt.")
            found.closed = True
            found.stamp("Reception")
        return "", ""

    # --- the hand of the test ---------------------------------------------------------------------------------------------------

    def put(self, one):
        def party(name, value):
            kind = f' type={quoteattr(one.get("type", "xoev"))}' if one.get("type", "xoev") else ""
            return f"<m:{name}><m:Identifier{kind}>{escape(value)}</m:Identifier></m:{name}>"

        id = one.get("id") or f"urn:de:xta:messageid:fremd:{uuid.uuid4()}"
        code = one.get("code", "lieferung")
        others = "".join(f'<m:OtherReaders type="xoev">{escape(value)}</m:OtherReaders>' for value in one.get("others", []))
        others = f"<m:OtherDestinations>{others}</m:OtherDestinations>" if others else ""
        meta = ET.fromstring(
            f'<m:MessageMetaData {NAMES} TestMsg="{"true" if one.get("test", True) else "false"}"><m:DeliveryAttributes/>'
            f'<m:Originators>{party("Author", one["author"])}</m:Originators><m:Destinations>{party("Reader", one["reader"])}{others}</m:Destinations>'
            f"<m:MsgIdentification><a:MessageID>{escape(id)}</a:MessageID></m:MsgIdentification>"
            f'<m:Qualifier><m:Service>{escape(one.get("service", "urn:example:dienst:1.0"))}</m:Service>'
            f"<m:BusinessScenario><m:Undefined>SORGEREGISTER</m:Undefined></m:BusinessScenario>"
            f'<m:MessageType listURI="urn:de:payloadSchema:elementName" listVersionID="1.0" payloadSchema="urn:example:schema:1.0"><code>{escape(code)}</code></m:MessageType>'
            f"</m:Qualifier></m:MessageMetaData>"
        )
        octets = base64.b64decode(one["content"]) if "content" in one else b"x" * one["size"]
        contents = [("Message", {"contentType": one.get("kind", "application/xml"), "filename": "main.xml"}, octets)]
        for name, size in one.get("attachments", []) or [(f"{at}.pdf", 4) for at in range(one.get("many", 0))]:
            contents.append(("Attachment", {"contentType": "application/pdf", "filename": name}, b"%PDF" + b"a" * (size - 4)))
        message = Message(meta, contents)
        message.box = one.get("box")
        message.stamp("Origin")
        message.stamp("Delivery")
        if "delivered" in one:
            message.meta.find(f"{q(META, 'DeliveryAttributes')}/{q(META, 'Delivery')}").text = one["delivered"]
        self.messages[id.lower()] = message
        return {"id": id}

    def state(self):
        shown = [
            {
                "id": one.id, "author": one.author, "reader": one.reader, "fetched": one.fetched, "closed": one.closed,
                "test": one.meta.get("TestMsg"), "content": base64.b64encode(one.contents[0][2]).decode() if len(one.contents[0][2]) < 100000 else None,
                "sizes": [len(octets) for _, _, octets in one.contents], "names": [attributes.get("filename") for _, attributes, _ in one.contents],
                "code": one.text(f"{q(META, 'Qualifier')}/{q(META, 'MessageType')}/code"),
                "answers": [(found.text or "") for found in one.meta.iter(q(META, "In-Reply-To"))],
            }
            for one in self.messages.values()
        ]
        return {"messages": shown, "calls": list(self.calls), "sent": self.sent, "script": len(self.script)}

    def ordered(self, action, asked=""):
        for at, one in enumerate(self.script):
            if one["op"] == action and one.get("id", "").lower() in ("", asked.lower()):
                one["times"] = one.get("times", 1) - 1
                if one["times"] <= 0:
                    del self.script[at]
                return one
        return None


# --- the wire ---------------------------------------------------------------------------------------------------------------------


def parameters(value):
    """A media type and its parameters, quoted strings with escapes."""
    kind, _, rest = value.partition(";")
    found = {}
    for name, quoted, plain in re.findall(r'\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))\s*;?', rest):
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
    return kind.strip().lower(), found


def taken_apart(headers, body):
    """Envelope, parts by Content-ID, actions, whether it was multipart."""
    kind, said = parameters(headers.get("Content-Type", ""))
    actions = [said.get("action")]
    if kind == "multipart/related":
        inner = parameters(said.get("start-info", ""))[1].get("action")
        pieces = body.split(b"--" + said["boundary"].encode())[1:-1]
        parts, first = {}, None
        for piece in pieces:
            head, _, octets = piece[2:].partition(b"\r\n\r\n")
            parsed = email.parser.BytesParser().parsebytes(head + b"\r\n\r\n")
            name = (parsed.get("Content-ID") or "").strip("<>")
            parts[name] = octets[:-2]
            first = first or name
        root = parts.pop(said.get("start", first).strip("<>"))
        return root, parts, [inner, *actions], True
    if kind != "application/soap+xml":
        raise No(415)
    return body, {}, actions, False


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fremd"

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            whole = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                if size == 0:
                    self.rfile.readline()
                    return whole
                whole += self.rfile.read(size)
                self.rfile.readline()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status, kind, octets):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)


class Xta(Handler):
    def do_POST(self):
        server = self.server.xta
        octets = self.body()
        if len(octets) < int(self.headers.get("Content-Length") or 0):
            self.close_connection = True
            return
        try:
            subject = dict(pair for group in self.connection.getpeercert()["subject"] for pair in group)
            root, parts, actions, multipart = taken_apart(self.headers, octets)
            envelope = ET.fromstring(root)
        except No:
            return self.reply(415, "text/plain", b"")
        header = {one.tag: one for one in envelope.find(q(SOAP, "Header")) or []}
        body = next(iter(envelope.find(q(SOAP, "Body"))), None)
        named = [(self.headers.get("SOAPAction") or "").strip('"'), (header[q(WSA, "Action")].text or "").strip() if q(WSA, "Action") in header else ""]
        named = {one for one in [*actions, *named] if one}
        action = named.pop() if len(named) == 1 else ""
        name = action.rsplit("/", 1)[-1]
        id = (header[q(WSA, "MessageID")].text or "").strip() if q(WSA, "MessageID") in header else None
        asked = next((found.text or "" for found in body.iter() if found.tag in (q(WSA, "MessageID"), q(BOX, "LastMsgReceived"))), "").strip() if body is not None else ""
        with server.lock:
            ordered = server.ordered(name, asked)
            server.calls.append(name)
        if ordered and ordered["do"] == "drop-before":
            self.close_connection = True
            return None
        if ordered and ordered["do"] == "sleep":
            time.sleep(ordered["seconds"])
        if ordered and ordered["do"] == "status":
            return self.reply(ordered["status"], "text/html", b"<html>nicht hier</html>")
        return self.answered(server, ordered, subject, (name, action, id), (header, body, parts, multipart))

    def answered(self, server, ordered, subject, said, came):
        (name, action, id), (header, body, parts, multipart) = said, came
        status, contents = 200, []
        try:
            if server.paths.get(self.path) is None or name not in PORTS[server.paths[self.path]]:
                raise No(0, "no such operation at this port")
            if ordered and ordered["do"] == "fault":
                raise No(ordered["code"], "geheimer Grund")
            with server.lock:
                party = header.get(q(META, "Author"))
                stated = party.findtext(q(META, "Identifier")) if party is not None else None
                own = server.account(subject.get("commonName"), stated)
                do = getattr(server, name)
                if ordered and ordered["do"] == "done":
                    do = lambda *_: ("", "")
                answer = do(own, header, body, parts) if name.startswith("SendMessage") else do(own, header, body)
                head, inside, *rest = answer
                contents = rest[0] if rest else []
        except No as no:
            status, head = 500, ""
            exception = next((found for found, codes in FAULTS.items() if no.code in codes), None)
            detail = (
                f'<s:Detail><x:{exception}><x:errorCode listURI="urn:de:xta:webservice:codeliste:fehlernummer" listVersionID="1.0">'
                f"<code>{no.code}</code><name>{escape(no.text)}</name></x:errorCode></x:{exception}></s:Detail>"
            ) if exception else ""
            inside = (
                f"<s:Fault><s:Code><s:Value>s:{'Receiver' if exception else 'Sender'}</s:Value></s:Code>"
                f'<s:Reason><s:Text xml:lang="de">{escape(no.text)}</s:Text></s:Reason>{detail}</s:Fault>'
            )
        addressing = (
            f"<a:Action>{escape(action)}</a:Action><a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID>"
            + (f"<a:RelatesTo>{escape(id)}</a:RelatesTo>" if id else "") + f"<a:To>{ANONYMOUS}</a:To>"
        )
        if ordered and ordered["do"] == "no-addressing":
            addressing = ""
        whole = f"<?xml version='1.0' encoding='UTF-8'?><s:Envelope {NAMES}><s:Header>{addressing}{head}</s:Header><s:Body>{inside}</s:Body></s:Envelope>"
        if ordered and ordered["do"] == "drop-after":
            self.close_connection = True
            return None
        if multipart and not (ordered and ordered["do"] == "plain"):
            kind, out = self.framed(whole, contents, action)
        else:
            kind = f'application/soap+xml; charset=utf-8; action="{action}"'
            out = re.sub("\0(\\d+)\0", lambda found: base64.b64encode(contents[int(found[1])]).decode(), whole).encode()
        with server.lock:
            if len(out) < 200000:
                server.answers.append(re.sub("\0(\\d+)\0", lambda found: base64.b64encode(contents[int(found[1])]).decode(), whole))
        if ordered and ordered["do"] == "truncate":
            self.close_connection = True
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(out)))
            self.end_headers()
            self.wfile.write(out[: len(out) // 2])
            return None
        if ordered and ordered["do"] in HOSTILE:
            self.close_connection = True
            return HOSTILE[ordered["do"]](self, (status, kind, out), ordered)
        self.reply(status, kind, out)

    def begin(self, status, kind, more=()):
        self.send_response(status)
        for name, value in [("Content-Type", kind), ("Connection", "close"), *more]:
            self.send_header(name, value)
        self.end_headers()

    def drip(self, octets):
        """An octet now and then, each in time and all of them never."""
        for octet in octets:
            time.sleep(0.4)
            self.wfile.write(bytes([octet]))
            self.wfile.flush()

    def drip_head(self, answer, ordered):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Lang: ")
        self.drip(itertools.repeat(121))

    def drip_interim(self, answer, ordered):
        for _ in itertools.repeat(None):
            self.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            self.wfile.flush()
            time.sleep(0.4)

    def drip_body(self, answer, ordered):
        self.begin(*answer[:2])
        self.wfile.write(answer[2][: len(answer[2]) // 2])
        self.drip(answer[2][len(answer[2]) // 2 :])

    def drip_preamble(self, answer, ordered):
        self.begin(*answer[:2])
        self.drip(itertools.repeat(120))

    def drip_epilogue(self, answer, ordered):
        self.begin(*answer[:2])
        self.wfile.write(answer[2] + b"\r\n")
        self.drip(itertools.repeat(120))

    def flood(self, answer, ordered):
        self.begin(*answer[:2])
        while True:
            self.wfile.write(b"x" * 65536)

    def huge_head(self, answer, ordered):
        self.begin(*answer[:2], [(f"X-{at}", "y" * 8000) for at in range(200)])

    def zipped(self, answer, ordered):
        self.begin(*answer[:2], [("Content-Encoding", "gzip")])
        self.wfile.write(gzip.compress(answer[2] + bytes(100_000_000)))

    def too_short(self, answer, ordered):
        self.begin(*answer[:2], [("Content-Length", str(len(answer[2]) + 10))])
        self.wfile.write(answer[2])

    def too_long(self, answer, ordered):
        self.begin(*answer[:2], [("Content-Length", str(len(answer[2]) - 10))])
        self.wfile.write(answer[2])

    def two_lengths(self, answer, ordered):
        self.begin(*answer[:2], [("Content-Length", str(len(answer[2]))), ("Content-Length", "5")])
        self.wfile.write(answer[2])

    def redirected(self, answer, ordered):
        self.begin(307, answer[1], [("Location", self.path), ("Content-Length", "0")])

    def with_dtd(self, answer, ordered):
        dtd = b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><a>&e;</a>"
        self.reply(200, "application/soap+xml; charset=utf-8", dtd)

    def as_status(self, answer, ordered):
        self.reply(ordered["status"], *answer[1:])

    def framed(self, whole, contents, action):
        boundary = f"uuid:{uuid.uuid4()}"
        whole = re.sub("\0(\\d+)\0", lambda found: f'<xop:Include xmlns:xop="{XOP}" href="cid:teil-{found[1]}%40fremd.example"/>', whole)
        parts = [(f'application/xop+xml;charset=utf-8;type="application/soap+xml;action=\\"{action}\\""', "<rootpart*1@fremd.example>", whole.encode())]
        parts += [("application/octet-stream", f"<teil-{at}@fremd.example>", octets) for at, octets in enumerate(contents)]
        out = []
        for kind, name, octets in parts:
            out.append(f"--{boundary}\r\nContent-Id: {name}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode() + octets + b"\r\n")
        out.append(f"--{boundary}--".encode())
        kind = (
            f'multipart/related;start="<rootpart*1@fremd.example>";type="application/xop+xml";boundary="{boundary}";'
            f'start-info="application/soap+xml;action=\\"{action}\\""'
        )
        return kind, b"".join(out)


HOSTILE = {name.replace("_", "-"): getattr(Xta, name) for name in (
    "drip_head", "drip_interim", "drip_body", "drip_preamble", "drip_epilogue", "flood", "huge_head", "zipped", "too_short", "too_long", "two_lengths",
    "redirected", "with_dtd", "as_status",
)}


class Hand(Handler):
    def do_POST(self):
        server, wanted = self.server.xta, json.loads(self.body() or b"null")
        with server.lock:
            if self.path == "/put":
                told = server.put(wanted)
            elif self.path == "/script":
                server.script.append(wanted)
                told = {}
            elif self.path == "/forget":
                server.script.clear()
                told = {}
            elif self.path == "/status":
                server.messages[wanted["id"].lower()].status = wanted["status"]
                told = {}
            elif self.path == "/answers":
                told = list(server.answers)
            else:
                told = server.state()
        self.reply(200, "application/json", json.dumps(told).encode())


def main():
    config = json.loads(sys.stdin.readline())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config["certificate"], config["key"])
    context.load_verify_locations(config["client-ca"])
    context.verify_mode = ssl.CERT_REQUIRED
    server = Server(config)

    class Secure(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request, address):
            # The hand-shake is made in the connection's own thread.
            try:
                wrapped = context.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError):
                return
            try:
                self.RequestHandlerClass(wrapped, address, self)
            except (OSError, ValueError):
                pass
            finally:
                wrapped.close()

        def handle_error(self, *_):
            pass

    xta = Secure(("127.0.0.1", config.get("port", 0)), Xta)
    hand = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hand)
    for one in (xta, hand):
        one.xta = server
        threading.Thread(target=one.serve_forever, daemon=True).start()
    print(json.dumps({"xta": xta.server_address[1], "hand": hand.server_address[1]}), flush=True)
    sys.stdin.read()


main()
