"""P-2 (d), reference to subscribe: an application that must ask sends REFER, the SUBSCRIBE that follows is the consent, the waiting push is delivered (F-7, PS-90, PS-92, PS-95, PS-97)."""
import json
import re
import urllib.parse


def referred_to(request):
    """(URI, Event, Expires) a Refer-To names."""
    uri = re.search(r"<([^>]+)>", request["Refer-To"]).group(1)
    address, _, headers = uri.partition("?")
    values = {name: urllib.parse.unquote(value) for name, _, value in (part.partition("=") for part in headers.split("&"))}
    return address, values


def run(lab):
    herald = lab.start()

    def behave(request):
        if request.method != "REFER":
            return (200,)
        if "nosub" in request["Require"]:
            return (420, ("Unsupported: nosub",))
        return (202, ("Refer-Sub: false",))
    alice = lab.phone("alice", behaviour=behave)
    push_id = herald.push("alice", "only with her consent", app="sports.ua")
    first = alice.next_request("REFER")
    lab.check("nosub" in first["Require"], "an application that must ask: REFER, at first with Require: nosub (PS-92)")
    second = alice.next_request("REFER")
    lab.check("norefersub" in second["Supported"] and second["Refer-Sub"] == "false", "after 420 with Refer-Sub: false (PS-92)")
    uri, values = referred_to(second)
    lab.say(f"Refer-To: {second['Refer-To']}")
    lab.check("method=SUBSCRIBE" in uri and "appid=sports.ua" in values["Event"] and "%3B" in second["Refer-To"].upper(),
              "Refer-To names the SUBSCRIBE, its Event escaped (PS-90)")
    lab.check(second["Contact"] != "", "and the REFER has a Contact (PS-97)")
    state = herald.recipient(push_id)
    lab.check(not state["final"], f"the push waits: {state['status']}, {state['cause']}")
    subscription, notify = lab.subscribe(alice, app="sports.ua", uri=re.sub(r";method=SUBSCRIBE", "", uri))
    if "only with her consent" not in str(notify.items()):
        notify = subscription.notify_with("only with her consent")
    lab.say(str(notify))
    state = herald.wait_final(push_id)
    lab.check((state["status"], state["mode"]) == ("delivered", "notify"), "her SUBSCRIBE is the consent: the waiting push is delivered (PS-95)")

    status, headers, text = herald.request("POST", "/v1/invitations", {"to": "sip:bob@ims.lab", "app": "news.ua"})
    lab.check(status == 202 and "Location" in headers, f"POST /v1/invitations: 202, {headers.get('Location')}")
    invitation = json.loads(text)["id"]

    def stage(name):
        def check():
            found = herald.get_json(f"/v1/invitations/{invitation}")
            return found and found["status"] == name and found
        return herald.process.wait_for(check, 30, f"the invitation is {name}: {herald.get_json(f'/v1/invitations/{invitation}')}")
    lab.check(stage("failed"), "bob is not registered: failed, whoever asked may ask again")
    bob = lab.phone("bob", behaviour=lambda request: (202, ("Refer-Sub: false",)) if request.method == "REFER" else (200,))
    status, _, text = herald.request("POST", "/v1/invitations", {"to": "sip:bob@ims.lab", "app": "news.ua"})
    invitation = json.loads(text)["id"]
    refer = bob.next_request("REFER", 20)
    lab.check(stage("accepted"), "he takes the REFER: accepted")
    uri, values = referred_to(refer)
    lab.subscribe(bob, app="news.ua", uri=re.sub(r";method=SUBSCRIBE", "", uri))
    lab.check(stage("subscribed"), "and his SUBSCRIBE arrives: subscribed (PS-95)")
