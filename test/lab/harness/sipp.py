"""SIPp as a foreign user agent: runs one of test/lab/sipp/*.xml and says how many calls went well."""
from pathlib import Path

from .core import DOMAIN, password
from .processes import LabError, Process, free_port

FOLDER = Path(__file__).resolve().parent.parent / "sipp"


class Sipp:
    """`port`: the local one, the same for all runs of a user."""

    def __init__(self, lab, name, port=None):
        self.lab, self.name, self.port, self.runs = lab, name, port or free_port(), 0
        lab.ladder.party(f"SIPp {name}", self.port)

    def start(self, scenario, to_port, users=(), calls=1, rate=10, keys=(), listens=False, user=None):
        """A run in the background. `users`: field 0 of the calls, one after the other."""
        self.runs += 1
        stem = self.lab.directory / f"sipp-{self.name}-{self.runs}-{scenario}"
        command = ["sipp", f"127.0.0.1:{to_port}", "-sf", FOLDER / f"{scenario}.xml", "-i", "127.0.0.1", "-p", self.port, "-m", calls,
                   "-r", rate, "-nostdin", "-default_behaviors", "all,-bye", "-timeout", "40s", "-timeout_error", "-trace_err",
                   "-error_file", f"{stem}.errors", "-trace_msg", "-message_file", f"{stem}.messages", "-trace_screen",
                   "-screen_file", f"{stem}.screen", "-key", "domain", DOMAIN]
        for name, value in dict(keys).items():
            command += ["-key", name, value]
        if users:
            table = Path(f"{stem}.csv")
            table.write_text("SEQUENTIAL\n" + "".join(f"{one};\n" for one in users))
            command += ["-inf", table]
        if user:
            command += ["-au", f"{user}@{DOMAIN}", "-ap", password(user)]
        process = Process(f"SIPp {scenario}", command, f"{stem}.log")
        process.errors = Path(f"{stem}.errors")
        return process

    def finish(self, process, seconds=60):
        process.wait_for(lambda: not process.alive() and "ended", seconds, "SIPp ends") if process.alive() else None
        code = process.stop()
        if code != 0:
            errors = process.errors.read_text(errors="replace")[-1500:] if process.errors.exists() else ""
            raise LabError(f"{process.name}: exit {code}\n{errors}")

    def run(self, *arguments, **options):
        self.finish(self.start(*arguments, **options))

    def register(self, user, features='+g.oma.pusheventapp="news.ua"'):
        """By digest, with SIPp's own client."""
        self.run("register", self.lab.core.sip_port, users=[user], user=user, keys={"features": f";{features}"})
        self.lab.herald.wait_registration(user)
