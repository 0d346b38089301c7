"""P-headers are believed from trusted networks only (S-2)."""
P_HEADERS = ["P-Asserted-Identity: <sip:alice@ims.lab>", "P-Served-User: <sip:alice@ims.lab>;sescase=term;regstate=reg",
             "P-Charging-Vector: icid-value=lab;icid-generated-at=127.0.0.1"]


def third_party_register(user, sip_port):
    return [f"Contact: <sip:127.0.0.1:{sip_port}>", "Expires: 600", "Event: registration"]


def run(lab):
    herald = lab.start()
    # Where the mark leads: an S-CSCF that writes down what it gets.
    onward = lab.agent("scscf", behaviour=lambda _: (200,))
    trusted = lab.agent("friend")
    stranger = lab.agent("stranger", address="127.0.0.2")
    routes = f"Route: <sip:127.0.0.1:{lab.as_port};lr>, <sip:iscmark@127.0.0.1:{onward.port};lr;s=2;h=0;d=1>"

    def message(sender):
        return sender.final(sender.request("MESSAGE", "sip:alice@ims.lab", lab.as_port,
                                           [routes, *P_HEADERS, "Content-Type: text/plain"], "hello"), 40)

    answer = message(trusted)
    seen = onward.next_request("MESSAGE")
    lab.check(answer.status == 200 and seen["P-Asserted-Identity"] and seen["P-Charging-Vector"],
              "from a trusted peer the request goes onward with its P-headers")
    answer = message(stranger)
    if answer.status == 200:
        seen = onward.next_request("MESSAGE")
        lab.check(not any(seen[name] for name in ("P-Asserted-Identity", "P-Served-User", "P-Charging-Vector")),
                  "from a stranger it goes onward without them")
    else:
        lab.check(answer.status in (403, 404) and onward.requests.empty(), f"a stranger's request is refused with {answer.status}")

    answer = stranger.final(stranger.request("REGISTER", f"sip:127.0.0.1:{lab.as_port}", lab.as_port,
                                             third_party_register("bob", lab.core.sip_port), to="sip:bob@ims.lab",
                                             sender=f"sip:127.0.0.1:{lab.core.sip_port}"))
    lab.check(not herald.registration("bob"), f"a stranger's third-party REGISTER registers nobody ({answer.status})")
