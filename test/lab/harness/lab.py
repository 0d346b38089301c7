"""The stage of one scenario: everything it starts is stopped when it ends, however it ends."""
import contextlib
import os
import shutil
from pathlib import Path

from .core import Core, password
from .herald import Herald, Receiver, ReceiverNode
from .ladder import Ladder
from .processes import LabError, free_port
from .sip import UserAgent
from .subscription import Subscription

ROOT = Path(__file__).resolve().parents[3]


class Lab:
    def __init__(self, name, binaries, logs, title=""):
        self.name, self.binaries = name, Path(binaries).resolve()
        self.directory = Path(logs).resolve() / name
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self._stack = contextlib.ExitStack()
        self.core = self.herald = None
        self.as_port = free_port()
        self.ladder = Ladder(title or name)
        self._stack.callback(self.ladder.close, self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()
        for log in self.directory.glob("*.log"):  # traces of a green run need not fill the disk
            if log.stat().st_size > 50_000_000:
                os.truncate(log, 50_000_000)

    def say(self, text):
        print(f"   {text}", flush=True)

    def check(self, condition, text):
        if not condition:
            raise LabError(f"does not hold: {text}")
        self.say(f"ok: {text}")

    def start_core(self, **options):
        self.core = Core(self.directory, self.binaries / "herald-hss", self.as_port, **options)
        self._stack.callback(self.core.stop)
        self.ladder.party("S-CSCF", self.core.sip_port, diameter=(self.core.scscf_diameter_port,))
        self.ladder.party("HSS", diameter=(self.core.hss_port,))
        return self.core.start()

    def make_herald(self, scscf_port=None, **options):
        """Configured, not started."""
        ports = (self.core.sip_port, self.core.hss_port) if self.core else (scscf_port or free_port(), free_port())
        services = options.pop("services", ROOT / "config/services/push.yaml")
        self.herald = Herald(self.directory, self.binaries / "heraldd", ports, self.as_port, services, **options)
        self._stack.callback(self.herald.stop)
        self.ladder.party("Herald", self.herald.sip_port, http=(self.herald.http_port,))
        return self.herald

    def start_herald(self, **options):
        self.make_herald(**options).start()
        if self.core:
            self.core.hss.wait_for(lambda: any(line.get("peer", "").startswith("as1.")
                                               for line in self.core.hss_lines("peer_open")), 30, "Herald is connected to the HSS")
        return self.herald

    def services(self, change):
        """A copy of the service profile with its text changed, for start(services=)."""
        path = self.directory / "push.yaml"
        path.write_text(change((ROOT / "config/services/push.yaml").read_text()))
        return path

    def make_receiver_node(self, config):
        """Configured, not started; its S-CSCF will be at scscf_port. @SIP@ and @SCSCF@ stand for the ports."""
        scscf_port = free_port()
        node = ReceiverNode(self.directory, self.binaries / "heraldd", scscf_port, ROOT / "config/services/receiver.yaml", config)
        node.scscf_port = scscf_port
        node.config.write_text(node.config.read_text().replace("@SIP@", str(node.sip_port)).replace("@SCSCF@", str(scscf_port)))
        self._stack.callback(node.stop)
        self.ladder.party("Herald 2", node.sip_port)
        return node

    def start(self, core=None, **herald):
        self.start_core(**(core or {}))
        return self.start_herald(**herald)

    def receiver(self, user, *options, **named):
        """herald-receiver, registered."""
        receiver = Receiver(self.directory, self.binaries / "herald-receiver", user, self.core.sip_port, *options, **named)
        self._stack.callback(receiver.stop)
        receiver.wait_event("registered")
        return receiver

    def closing(self, thing):
        """Stopped with everything else."""
        self._stack.callback(thing.stop)
        return thing

    def agent(self, name, **options):
        """A scripted SIP user agent."""
        agent = UserAgent(name, **options)
        self.ladder.party(f"UE {name}", agent.port)
        self._stack.callback(agent.close)
        return agent

    def phone(self, user, behaviour=None, **options):
        """A scripted UE, registered; answers 200 unless told otherwise."""
        phone = self.agent(user, behaviour=behaviour or (lambda _: (200,)))
        answer = phone.register(self.core.sip_port, password(user), **options)
        if answer.status != 200:
            raise LabError(f"{user} is not registered: {answer.first}")
        if self.herald:
            self.herald.wait_registration(user)
        return phone

    def subscribe(self, phone, app="news.ua", expires=3600, **options):
        """A live subscription to pushes whose first NOTIFY has come: (subscription, that NOTIFY)."""
        subscription = Subscription(phone, self.core.sip_port, event=f"oma-push;appid={app}" if app else "oma-push", **options)
        answer = subscription.send(expires)
        if answer.status != 200:
            raise LabError(f"SUBSCRIBE of {phone.name}: {answer.first}")
        return subscription, subscription.next_notify()
