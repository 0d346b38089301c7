"""P-1 on ISC: a second Herald receives for a thing that speaks no SIP and hands the pushes to its webhook, by NOTIFY and by MESSAGE (PR-2, PR-4, PR-7, PR-9)."""
from harness.core import DOMAIN, LAB
from harness.webhook import Webhook

THING = f"sip:meter1@{DOMAIN}"


def run(lab):
    webhook = lab.closing(Webhook(answers=[503]))
    lab.ladder.party("webhook", http=(webhook.port,))
    # The thing's criteria lead to the second Herald; the filled-in address is its own.
    node = lab.make_receiver_node(f"""\
contact: 127.0.0.1:@SIP@
subscribe_to: sip:push@{DOMAIN}
webhook: {{first_delay: 200ms, max_delay: 1s}}
things:
  - {{identity: "{THING}", apps: [news.ua], webhook: "http://127.0.0.1:{webhook.port}/meter1", subscribe: true, route: "sip:127.0.0.1:@SCSCF@;lr"}}""")
    lab.start_core(more=[f'{{private: meter1@{DOMAIN}, public: ["{THING}"], password: none, ifc: {LAB}/provisioning/thing.xml, '
                         f'application_server: "127.0.0.1:{node.sip_port}"}}'], sip_port=node.scscf_port)
    herald = lab.start_herald()
    node.start()

    def subscribed():
        _, _, text = herald.request("GET", f"/v1/subscriptions?user={THING}")
        return "meter1" in text and text
    lab.say(f"ok: the second Herald subscribed for the thing: {herald.process.wait_for(subscribed, 20, 'the thing is subscribed')[:300]} (PR-2)")
    push_id = herald.push(THING, "valve open")
    first, second = webhook.next(), webhook.next()
    lab.say(f"POST {first[0]}: {first[2]}, answered {first[3]}; then {second[3]}")
    lab.check(first[3] == 503 and second[3] == 200 and first[2] == second[2], "the webhook is tried again after 503, with the same document")
    lab.check(second[2]["text"] == "valve open" and second[2]["app"] == "news.ua", "and gets the push (PR-4)")
    state = herald.wait_final(push_id)
    lab.check((state["status"], state["mode"]) == ("delivered", "notify"), f"delivered by {state['mode']}")

    # Somebody else's push sender: a MESSAGE to the thing, which never registers.
    other = lab.agent("other")
    answer = other.final(other.request("MESSAGE", THING, lab.core.sip_port, [
        f"Route: <sip:127.0.0.1:{lab.core.sip_port};lr>", "P-Asserted-Identity: <sip:push-news@ims.lab>",
        'Accept-Contact: *;+g.oma.pusheventapp="news.ua";require;explicit', "Content-Type: text/plain", "Content-ID: <shut@other>"], "valve shut"))
    post = webhook.next()
    lab.check(answer.status == 200 and post[2]["text"] == "valve shut", f"a MESSAGE for it comes over ISC to the same webhook: {post[2]} (PR-7)")
    lab.check(webhook.posts.empty(), "each push once (PR-9)")
