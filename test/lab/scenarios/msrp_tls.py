"""Sessions over TLS: 5 MiB arrive whole, certificates are proven by fingerprint or authority, others are refused (PS-40, PS-41, PS-45, S-8, PR-11)."""
import hashlib
import random
import subprocess

DEADLINE = 200
MIB = 1024 * 1024
OPTIONS = ("      mode_order: [notify, pager, msrp]\n"
           "      msrp: {tls: true}\n"
           "      retry: {first_delay: 200ms, max_delay: 500ms, max_attempts: 2, unknown_delay: 200ms}\n")


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


class Authority:
    """A certificate authority that lives as long as the scenario."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.certificate, self.key = self.alone("ca", "CA:TRUE")

    def alone(self, name, constraint="CA:FALSE"):
        """Self-signed: (certificate, key)."""
        pem, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-addext", f"basicConstraints=critical,{constraint}", "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", key, "-out", pem)
        return pem, key

    def signed(self, name):
        pem, key, request = (self.directory / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        extensions = self.directory / f"{name}.ext"
        extensions.write_text("basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
                "-extfile", extensions, "-out", pem)
        return pem, key


def run(lab):
    authority = Authority(lab.directory / "certificates")
    signed, alone = authority.signed("receiver"), authority.alone("alone")
    herald = lab.start(core={"load_users": 8}, msrps=(*authority.signed("as1"), authority.certificate), extra=OPTIONS)

    def push(user, *options):
        receiver = lab.receiver(user, *options)
        herald.wait_registration(user)
        data = random.Random(user).randbytes(5 * MIB)
        return receiver, data, herald.wait_final(herald.push_bytes(user, data, mode="msrp"), 60)

    def push_over_tls(user, identity, told, setup):
        certificate, key = map(str, identity)
        return push(user, "--msrps", "--msrp-certificate", certificate, "--msrp-key", key, "--msrp-ca", str(authority.certificate),
                    "--msrp-fingerprint", told, "--msrp-setup", setup)

    good = (("load1", signed, "own", "active", "a certificate of a known authority"),
            ("load2", signed, "none", "passive", "a certificate of a known authority, no a=fingerprint"),
            ("load3", alone, "own", "active", "a self-signed certificate and its a=fingerprint"),
            ("load4", alone, "own", "passive", "a self-signed certificate and its a=fingerprint"))
    for user, identity, told, setup, what in good:
        receiver, data, state = push_over_tls(user, identity, told, setup)
        seen = receiver.wait_event("push")
        lab.check(state["status"] == "delivered" and state["mode"] == "msrp" and len(seen) == 1 and
                  (seen[0]["mode"], seen[0]["sha256"]) == ("msrp", hashlib.sha256(data).hexdigest()),
                  f"5 MiB over TLS, the receiver being {setup} with {what}")
    refused = herald.metric("herald_msrp_dropped_total")
    bad = (("load5", signed, "wrong", "active", "another certificate than that of its a=fingerprint"),
           ("load6", signed, "wrong", "passive", "another certificate than that of its a=fingerprint"),
           ("load7", alone, "none", "active", "a certificate that nobody vouches for"),
           ("load8", alone, "none", "passive", "a certificate that nobody vouches for"))
    for user, identity, told, setup, what in bad:
        receiver, _, state = push_over_tls(user, identity, told, setup)
        lab.check(state["status"] == "undeliverable" and "certificate" in str(state), f"{user}, {setup} with {what}: {state['status']}, "
                  f"{state.get('reason') or state.get('cause')}")
        lab.check(not receiver.events("push"), "not a byte of it went there")
    lab.check(herald.metric("herald_msrp_dropped_total") > refused, "counted, with the reason")
    # What a receiver cannot do it says: TLS is not silently left out.
    receiver, _, state = push("alice", "--msrp")
    lab.check(state["status"] == "undeliverable" and not receiver.events("push"),
              f"a receiver without TLS: {state['status']}, nothing went there in the clear")
