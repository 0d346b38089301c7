"""The lab itself, without Herald: what its S-CSCF and HSS do on ISC, with a scripted application server."""
from harness.core import LAB, password

PUSH_IDENTITY = "P-Asserted-Identity: <sip:push@ims.lab>"


def run(lab):
    server = lab.agent("as", port=lab.as_port, behaviour=lambda request: (200,) if request.method == "REGISTER" else None)
    core = lab.start_core(isc_timeout=1000, ifc=LAB / "provisioning/all-messages.xml")
    scscf = core.sip_port
    route = f"Route: <sip:127.0.0.1:{scscf};lr>"

    def message(uri, *headers, sender=server):
        return sender.request("MESSAGE", uri, scscf, ["Content-Type: text/plain", *headers], "hello")

    def send_onward(request):
        """What an application server does with a request it lets pass: the mark, untouched. Returns the answer."""
        mark = next(value for value in request.routes() if "iscmark@" in value)
        answer = server.final(server.request("MESSAGE", request.uri, scscf,
                                             [f"Route: {mark}", PUSH_IDENTITY, "Content-Type: text/plain"], "hello"))
        server.answer(request, answer.status)
        return answer

    alice = lab.phone("alice")
    registration = server.next_request("REGISTER")
    lab.check(registration["From"].startswith(f"<sip:127.0.0.1:{scscf}>"), "a registration reaches the server as third-party REGISTER")
    lab.check(b"message/sip" in registration.text.encode() and b"REGISTER sip:ims.lab" in registration.body,
              "with the UE's REGISTER in it")
    lab.check(registration["Expires"] == "720", "Expires is the UE's and 120 s of grace")
    carol = lab.phone("carol")
    lab.check(lab.agent("bob").register(scscf, "wrong").status == 403, "a wrong password is refused")

    answer = message("sip:carol@ims.lab", route, PUSH_IDENTITY)
    lab.check(server.final(answer).status == 200 and carol.next_request("MESSAGE").uri.startswith("sip:carol@127.0.0.1"),
              "the server's MESSAGE reaches a user without criteria")

    answer = message("sip:alice@ims.lab", route, PUSH_IDENTITY)
    own = server.next_request("MESSAGE")
    lab.check("sescase=term" in own["P-Served-User"] and "regstate=reg" in own["P-Served-User"], "one for a user with criteria comes back")
    send_onward(own)
    lab.check(server.final(answer).status == 200 and alice.next_request("MESSAGE"), "and with the mark it reaches the user")

    answer = message("sip:bob@ims.lab", route, PUSH_IDENTITY)
    own = server.next_request("MESSAGE")
    lab.check("regstate=unreg" in own["P-Served-User"] and send_onward(own).status == 480, "not registered: back, then 480")
    server.final(answer)

    answer = message("sip:alice@ims.lab", route, PUSH_IDENTITY)
    server.next_request("MESSAGE")
    lab.check(server.final(answer).status == 200 and alice.next_request("MESSAGE"), "a silent server does not end the session")
    answer = message("sip:alice@ims.lab", route, PUSH_IDENTITY)
    server.answer(server.next_request("MESSAGE"), 500)
    lab.check(server.final(answer).status == 200 and alice.next_request("MESSAGE"), "nor does one that fails")
    answer = message("sip:alice@ims.lab", route, PUSH_IDENTITY)
    server.answer(server.next_request("MESSAGE"), 403)
    lab.check(server.final(answer).status == 403, "its 403 is final")

    answer = message("sip:push@ims.lab", f"Route: <sip:orig@127.0.0.1:{scscf};lr>", "P-Asserted-Identity: <sip:alice@ims.lab>",
                     sender=alice)
    request = server.next_request("MESSAGE")
    server.answer(request, 200)
    lab.check(alice.final(answer).status == 200, "a user's MESSAGE to the service's identity reaches the server")
    answer = message("sip:carol@ims.lab", f"Route: <sip:orig@127.0.0.1:{scscf};lr>", "P-Asserted-Identity: <sip:alice@ims.lab>")
    lab.check(server.final(answer).status == 200, "the server may send for a user on the originating leg")
    lab.check(server.final(message("sip:nobody@ims.lab", route, PUSH_IDENTITY)).status == 404, "an unknown user is 404")
    for tag, status in (("news.ua", 200), ("ulp.ua", 480)):
        answer = message("sip:carol@ims.lab", route, PUSH_IDENTITY, f'Accept-Contact: *;+g.oma.pusheventapp="{tag}";require;explicit')
        lab.check(server.final(answer).status == status, f"Accept-Contact {tag} for a contact with news.ua: {status}")

    lab.check(alice.register(scscf, password("alice"), expires=0).status == 200 and
              server.next_request("REGISTER")["Expires"] == "0", "de-registration is told with Expires 0")

    core.hss.kill()
    core.start_hss()
    core.wait_connected()
    lab.check(carol.register(scscf, password("carol")).status == 200, "a new HSS process serves at once")
    core.scscf.kill()
    core.start_scscf()
    core.hss.wait_for(lambda: len(core.hss_lines("peer_open")) > 1, 20, "the HSS connects to the new S-CSCF")
    lab.check(carol.register(scscf, password("carol")).status == 200, "so does a new S-CSCF")
