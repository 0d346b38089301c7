"""What comes in on the initiators' HTTP interface, well formed or not, and what it gets."""
import base64
import json
import socket

from harness.herald import TOKEN

AUTH = f"Authorization: Bearer {TOKEN}\r\n"
GOOD = {"to": ["sip:alice@ims.lab"], "app": "news.ua", "content": {"type": "text/plain", "text": "hello"}}


def raw(port, data, seconds=15):
    """The status code of what comes back, None when the connection just ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as tcp:
        try:
            tcp.sendall(data)
            tcp.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was written; the answer may be there all the same
        answer = b""
        try:
            while part := tcp.recv(4096):
                answer += part
        except ConnectionResetError:
            pass
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.") else None


def post(body, head=AUTH + "Content-Type: application/json\r\n", length=None):
    data = body if isinstance(body, bytes) else body.encode()
    return (f"POST /v1/pushes HTTP/1.1\r\nHost: x\r\n{head}"
            f"Content-Length: {len(data) if length is None else length}\r\n\r\n").encode() + data


def changed(**fields):
    body = {**GOOD, **fields}
    return json.dumps({key: value for key, value in body.items() if value is not None})


def run(lab):
    herald = lab.start_herald(diameter="false")
    port = herald.http_port
    good = json.dumps(GOOD)

    wire = [
        ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400, None}),
        ("a request line only", b"GET /v1/pushes", {400, None}),
        ("cut off in a header", b"GET /v1/pushes HTTP/1.1\r\nHos", {400, None}),
        ("cut off in the body", post(good, length=len(good) + 100), {400, None}),
        ("HTTP/3.9", b"GET / HTTP/3.9\r\nHost: x\r\n\r\n", {400, 505}),
        ("a long request line", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414, 431}),
        ("a long header", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40000 + b"\r\n\r\n", {431}),
        ("500 headers", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 500 + b"\r\n", {431}),
        ("a negative length", post(good, length=-1), {400}),
        ("two lengths", post(good, AUTH + "Content-Type: application/json\r\nContent-Length: 3\r\n"), {400}),
        ("length and chunks", post(good, AUTH + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"), {400}),
        ("a body of 10 GB announced", post(good, length=10 ** 10), {413}),
        ("a body of 9 MB", post(changed(content={"type": "text/plain", "text": "x" * 9_000_000})), {413}),
        ("an unknown path", f"GET /v2/pushes HTTP/1.1\r\nHost: x\r\n{AUTH}\r\n".encode(), {404}),
        ("a method that isn't there", f"PATCH /v1/pushes HTTP/1.1\r\nHost: x\r\n{AUTH}\r\n".encode(), {405}),
        ("an unknown push", f"GET /v1/pushes/nothing HTTP/1.1\r\nHost: x\r\n{AUTH}\r\n".encode(), {404}),
        ("a path with ..", f"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n{AUTH}\r\n".encode(), {400, 404}),
        ("no credentials", post(good, "Content-Type: application/json\r\n"), {401}),
        ("a wrong token", post(good, "Authorization: Bearer nonsense\r\nContent-Type: application/json\r\n"), {401}),
        ("no content type", post(good, AUTH), {415}),
        ("XML", post("<push/>", AUTH + "Content-Type: application/xml\r\n"), {415}),
    ]
    for name, data, expected in wire:
        status = raw(port, data)
        lab.check(status in expected, f"{name}: {status or 'connection ended'}")

    bodies = [
        ("empty", ""), ("no JSON", "{"), ("an array", "[]"), ("a number", "7"), ("no 'to'", changed(to=None)),
        ("no recipient", changed(to=[])), ("'to' is text", changed(to="sip:alice@ims.lab")), ("no URI", changed(to=["alice"])),
        ("an http: URI", changed(to=["http://x"])), ("100001 recipients", changed(to=[f"sip:u{n}@ims.lab" for n in range(100001)])),
        ("no application", changed(app=None)), ("no content", changed(content=None)), ("an unknown key", changed(color="red")),
        ("text and base64", changed(content={"type": "text/plain", "text": "a", "base64": "YQ=="})),
        ("bad base64", changed(content={"type": "text/plain", "base64": "!!!"})),
        ("a bad content type", changed(content={"type": "plain\r\nX: y", "text": "a"})),
        ("a bad time", changed(deliver_before="tomorrow")), ("a bad report", changed(report="maybe")),
        ("a bad mode", changed(mode="pigeon")), ("a bad priority", changed(priority="huge")),
        ("100000 brackets", "[" * 100_000), ("not UTF-8", good.encode().replace(b"hello", b"\xff\xfe")),
        ("a line break in the application", changed(app="news.ua\r\nX: y")),
        ("a line break in an address", changed(to=["sip:alice@ims.lab\r\nX: y"])),
    ]
    for name, body in bodies:
        status, headers, text = herald.request("POST", "/v1/pushes", body)
        problem = json.loads(text) if text.startswith("{") else {}
        lab.check(400 <= status < 500 and headers.get("Content-Type", "").startswith("application/problem+json") and
                  problem.get("code"), f"{name}: {status}, code {problem.get('code')}, {str(problem.get('detail'))[:90]}")

    status, _, text = herald.request("POST", "/v1/pushes", changed(**{"from": "sip:push@elsewhere"}))
    lab.check(status == 403, f"a foreign sender identity: {status}")
    basic = base64.b64encode(f"news:{TOKEN}".encode()).decode()
    status, headers, text = herald.request("POST", "/v1/pushes", good, {"Authorization": f"Basic {basic}", "Idempotency-Key": "k1"})
    lab.check(status == 202 and headers["Location"].endswith(json.loads(text)["id"]), "a good push, by HTTP Basic: 202 and Location")
    again = herald.request("POST", "/v1/pushes", good, {"Idempotency-Key": "k1"})
    lab.check(again[0] == 202 and json.loads(again[2])["id"] == json.loads(text)["id"], "again with its Idempotency-Key: the same push")
    other = herald.request("POST", "/v1/pushes", changed(app="mms.ua"), {"Idempotency-Key": "k1"})
    lab.check(other[0] in (409, 422), f"the key for another push: {other[0]}")
    listed = herald.get_json("/v1/pushes?limit=10")
    lab.check(len(listed["pushes"]) == 1, "nothing else was accepted")
    push_id = json.loads(text)["id"]
    lab.check(herald.request("DELETE", f"/v1/pushes/{push_id}")[0] == 200, "DELETE cancels it")
    lab.check(herald.wait_final(push_id)["status"] == "cancelled", "and it is cancelled")
    lab.check(herald.request("DELETE", f"/v1/pushes/{push_id}")[0] == 200, "DELETE of what is cancelled already changes nothing: 200")
