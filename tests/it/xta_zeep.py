"""Drives an XTA server with zeep, a SOAP library that knows nothing but the official description.

Reads one JSON object from standard input: where the description and the certificates lie, the address of the server, and steps. Writes a JSON
list: what came of each step. Judges nothing.
"""
import base64
import json
import sys

import requests
import zeep
from zeep.helpers import serialize_object
from zeep.plugins import HistoryPlugin
from zeep.transports import Transport

XTA = "{http://xoev.de/transport/xta/211}"
RESPONSE = "{http://www.osci.eu/ws/2008/05/transport}MsgBoxResponse"
PORTS = {
    "management": ("managementHttpsBinding", "/services/XTAService/ManagementPort"),
    "send": ("sendXTAHttpsBinding", "/services/XTAService/SendXtaPort"),
    "mailbox": ("msgBoxHttpsBinding", "/services/XTAService/MsgBoxPort"),
}
PORT_OF = {
    "sendMessage": "send", "sendMessageSync": "send",
    "getStatusList": "mailbox", "getNextStatusList": "mailbox", "getMessage": "mailbox", "getNextMessage": "mailbox",
    "close": "mailbox",
}


def identifier(value):
    return {"Identifier": {"_value_1": value, "type": "xoev", "category": "Jugendamt"}}


def code(value, uri, version="1.0"):
    return {"code": value, "listURI": uri, "listVersionID": version}


def metadata(step):
    attributes = {"Origin": "2026-11-21T10:00:00Z"}
    if "not-before" in step:
        attributes["NotBefore"] = step["not-before"]
    return {
        "TestMsg": step.get("test", True),
        "DeliveryAttributes": attributes,
        "Originators": {"Author": identifier(step["author"])},
        "Destinations": {"Reader": identifier(step["reader"])},
        "MsgIdentification": {"MessageID": step["id"]},
        "Qualifier": {
            "Subject": None,
            "Service": "urn:example:dienst:1.0",
            "BusinessScenario": {"Undefined": "SORGEREGISTER"},
            "MessageType": dict(code("lieferung", "urn:de:payloadSchema:elementName"), payloadSchema="urn:example:schema:1.0"),
        },
    }


def content(octets, kind, name):
    return {"_value_1": octets, "contentType": kind, "filename": name, "encoding": "UTF-8"}


def container(step):
    octets = base64.b64decode(step["content"]) if "content" in step else b"x" * step["size"]
    attachments = [content(base64.b64decode(one["content"]), one["type"], one["name"]) for one in step.get("attachments", [])]
    return {"Message": content(octets, step.get("type", "application/xml"), "main.xml"), "Attachment": attachments}


def arguments(client, step):
    """Positional arguments, keyword arguments, headers."""
    do = step["do"]
    headers = {"AuthorIdentifier": identifier(step["as"])} if step.get("as") else {}
    if do in ("sendMessage", "sendMessageSync"):
        return [], {"ContentContainer": container(step)}, {"MessageMetaData": metadata(step)}
    if do in ("getTransportReport", "cancelMessage"):
        return [step["id"]], {}, headers
    if do == "lookupService":
        asked = [{"LookupService": {"Reader": identifier(step["reader"]), "ServiceType": service}} for service in step["services"]]
        return [], {"LookupServiceRequestList": asked}, headers
    if do == "getStatusList":
        words = {"ListForm": step.get("form", "MessageMetaData")}
        if "most" in step:
            words["maxListItems"] = step["most"]
        if "new" in step:
            words["MsgSelector"] = {"newEntry": step["new"]}
        return [], words, headers
    if do == "getMessage":
        return [], {"MsgSelector": {"MessageID": [step["id"]]}}, headers
    if do in ("getNextStatusList", "getNextMessage", "close"):
        received = {"LastMsgReceived": step["ids"]} if step.get("ids") else {}
        return [], {"MsgBoxRequestID": step.get("request", "1"), **received}, headers
    return [], {}, headers


def plain(value):
    return json.loads(json.dumps(serialize_object(value), default=readable))


def readable(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def fault(error):
    told = {"class": str(error.code), "reason": str(error.message), "exception": None, "code": None}
    detail = error.detail
    if detail is not None and len(detail):
        told["exception"] = detail[0].tag.rsplit("}", 1)[1]
        found = detail[0].findtext(".//code")
        told["code"] = int(found) if found else None
    return {"fault": told}


def main():
    order = json.load(sys.stdin)
    session = requests.Session()
    session.trust_env = False
    session.verify = order["ca"]
    if order.get("certificate"):
        session.cert = (order["certificate"], order["key"])
    history = HistoryPlugin()
    transport = Transport(session=session, timeout=60, operation_timeout=60)
    client = zeep.Client(order["wsdl"], transport=transport, plugins=[history])
    # What a reader received may be left out; zeep knows no sequence that is absent as a whole.
    for element in client.wsdl.types.elements:
        if element.name in ("MsgBoxGetNextRequest", "MsgBoxCloseRequest"):
            for _, received in element.type.elements:
                received.min_occurs = 0
    services = {
        port: client.create_service(f"{XTA}{binding}", order["server"] + path) for port, (binding, path) in PORTS.items()
    }
    told, kept = [], {}
    for step in order["steps"]:
        # What a step before was told can be used by a later one.
        step = {key: kept.get(value[1:], value) if isinstance(value, str) and value.startswith("$") else value for key, value in step.items()}
        if isinstance(step.get("ids"), str):
            step["ids"] = [step["ids"]]
        service = services[PORT_OF.get(step["do"], "management")]
        positional, words, headers = arguments(client, step)
        try:
            answer = service[step["do"]](*positional, _soapheaders=headers, **words)
            told.append({"answer": plain(answer)})
        except zeep.exceptions.Fault as error:
            told.append(fault(error))
        except IndexError:
            # An answer may be its head alone, whose body zeep looks for all the same.
            head = history.last_received["envelope"].find(f".//{RESPONSE}")
            read = client.get_element(RESPONSE).parse(head, client.wsdl.types)
            told.append({"answer": {"header": {"FetchResponseHeader": plain(read)}}})
        except zeep.exceptions.TransportError as error:
            told.append({"status": error.status_code})
        except requests.exceptions.RequestException as error:
            told.append({"broken": type(error).__name__})
        if "keep" in step:
            found = told[-1].get("answer")
            for key in step.get("at", []):
                found = found[key] if found is not None else None
            kept[step["keep"]] = found
    json.dump(told, sys.stdout)


main()
