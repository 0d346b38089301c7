"""Contents from 1 byte to 100 MiB in every mode that fits arrive whole, the hash is equal at the receiver (F-3, PS-23, PS-24, PS-30, PS-40, PS-45, PR-11, PR-12)."""
import hashlib
import os
import random

DEADLINE = 480
KIB, MIB = 1024, 1024 * 1024
# Of the content: 1 300 is the limit of the whole MESSAGE, so 1 300 and 1 301 bytes lie well above it, and 300 well below.
SIZES = {"pager": [1, 300], "notify": [1, 300], "msrp": [1, 1300, 1301, 64 * KIB, 5 * MIB, 100 * MIB],
         "indirection": [1, 1300, 1301, 64 * KIB, 5 * MIB, 100 * MIB]}
LARGEST = int(os.environ.get("HERALD_LAB_LARGEST", str(100 * MIB)))


def content(size):
    return random.Random(size).randbytes(size)


def check(lab, herald, receiver, user, size, **fields):
    """One content: submitted, final, and what the receiver told of it."""
    data = content(size)
    push_id = herald.push_bytes(user, data, **fields)
    state = herald.wait_final(push_id, 120)
    expected = hashlib.sha256(data).hexdigest()
    # An equal content of another mode has another id, so the last one is ours.
    told = receiver.process.wait_for(lambda: [each for each in receiver.events("push") if each["id"].startswith(push_id)], 60,
                                     f"{user} tells the push")[-1]
    lab.check(state["status"] == "delivered" and (told["size"], told["sha256"]) == (size, expected),
              f"{size} bytes by {fields.get('mode', 'auto')}: {state['status']} as {state['mode']}, at the receiver as {told['mode']}")
    return state, told


def run(lab):
    herald = lab.start(core={"load_users": 1}, msrp=True)
    options = ("--msrp", "--content-host", "127.0.0.1", "--content-insecure", "--content-max", str(200 * MIB), "--content-timeout", "120")
    alice = lab.receiver("alice", *options)
    reader = lab.receiver("load1", *options, "--subscribe", "news.ua", "--msrp-setup", "passive")
    herald.wait_registration("alice")
    herald.wait_registration("load1")
    reader.wait_event("subscribed")
    for mode, sizes in SIZES.items():
        user, receiver = ("load1", reader) if mode == "notify" else ("alice", alice)
        for size in sizes:
            if size <= LARGEST:
                state, told = check(lab, herald, receiver, user, size, mode=mode)
                lab.check(state["mode"] == mode == told["mode"], f"by {mode}, as the initiator insisted (PS-81)")
    # The initiator leaves it open: the smallest mode that fits.
    for size, mode in ((1, "pager"), (300, "pager"), (1300, "msrp"), (1301, "msrp"), (5 * MIB, "msrp")):
        state, _ = check(lab, herald, alice, "alice", size)
        lab.check(state["mode"] == mode, f"{size} bytes: by {state['mode']} (PS-23)")
    # A subscription takes what is small as it is and the rest as a reference, by the same NOTIFY (PS-24).
    state, told = check(lab, herald, reader, "load1", 64 * KIB, mode="notify")
    lab.check(told["mode"] == "notify" and told.get("url"), "64 KiB by notify: a reference in the NOTIFY, fetched by https rules (PS-24)")
    # The side that connects is the answer's choice (RFC 6135).
    state, _ = check(lab, herald, reader, "load1", 1301, mode="msrp")
    lab.check(state["mode"] == "msrp", "and a receiver that waits for the connection gets it too (PS-41)")
