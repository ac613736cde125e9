"""A client of others (PyPI `dracoon`) does at the dDataBox of the tests what the product does there. Tells as JSON what it saw; judges nothing."""

import asyncio, json, sys, tempfile, os
from datetime import datetime, timedelta, timezone
from dracoon import DRACOON, OAuth2ConnectionType

order = json.load(sys.stdin)


async def main():
    client = DRACOON(base_url=order["url"], client_id=order["client"][0], client_secret=order["client"][1], raise_on_err=True)
    await client.connect(OAuth2ConnectionType.password_flow, *order["user"], full_info=False)
    said = {}
    room = await client.nodes.get_node(order["room"])
    said["room"] = [room.id, room.type.value if hasattr(room.type, "value") else room.type, room.isEncrypted]
    folder = await client.nodes.create_folder(client.nodes.make_folder(name="Vorgang", parent_id=order["room"]))
    try:
        await client.nodes.create_folder(client.nodes.make_folder(name="Vorgang", parent_id=order["room"]), raise_on_err=True)
        said["again"] = "taken twice"
    except Exception as error:
        said["again"] = type(error).__name__
    path = os.path.join(tempfile.mkdtemp(), "x.pdf")
    with open(path, "wb") as file:
        file.write(b"%PDF" + b"x" * 70000)

    async def upload():
        channel = await client.nodes.create_upload_channel(
            client.nodes.make_upload_channel(parent_id=folder.id, name="Schreiben.pdf", classification=3))
        return await client.nodes.upload_unencrypted(
            file_path=path, upload_channel=channel, file_name="Schreiben.pdf", resolution_strategy="fail", raise_on_err=True)

    node = await upload()
    said["file"] = [node.name, node.size, node.parentId == folder.id]
    try:
        await upload()
        said["conflict"] = "taken twice"
    except Exception as error:
        said["conflict"] = type(error).__name__
    nodes = await client.nodes.get_nodes(parent_id=folder.id, filter="name:eq:Schreiben.pdf")
    said["found"] = [item.id == node.id for item in nodes.items]
    from dracoon.shares.models import Expiration
    ends = datetime.now(timezone.utc) + timedelta(days=14)
    share = await client.shares.create_share(client.shares.make_share(
        node_id=node.id, name="Schreiben", password="Kennwort1", internal_notes="x offen", max_downloads=3,
        expiration=None, sms_recipients=["+4915112345678"]))
    said["share"] = [share.name, share.cntDownloads, share.maxDownloads, share.isProtected, share.internalNotes]
    shares = await client.shares.get_shares(filter=f"nodeId:eq:{node.id}")
    said["shares"] = [item.id == share.id for item in shares.items]
    await client.shares.update_share(share.id, client.shares.make_share_update(internal_notes="x benachrichtigt"))
    await client.shares.mail_share(share.id, client.shares.make_share_send(recipients=["zoe@post.example"], body="Ein Schreiben."))
    again = await client.shares.get_share(share.id)
    said["noted"] = again.internalNotes
    await client.connect(OAuth2ConnectionType.refresh_token, full_info=False)
    await client.shares.delete_share(share.id)
    try:
        await client.shares.get_share(share.id, raise_on_err=True)
        said["deleted"] = "still there"
    except Exception as error:
        said["deleted"] = type(error).__name__
    print(json.dumps(said))


asyncio.run(main())
