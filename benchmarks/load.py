"""Send load with wrk if it is installed, else with Python threads in a separate process.

python -m benchmarks.load URL SECONDS SHOTS.json
"""

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.workloads import Shot

CONNECTIONS = 16
SCRIPT = """
local round, turn = {}, 0
init = function() round = {%s} end
request = function() turn = turn %% #round + 1 return round[turn] end
done = function(summary, latency)
    local failed = summary.errors
    io.write(string.format("RESULT %%d %%d %%d %%d\\n", summary.requests, summary.duration,
        failed.status + failed.connect + failed.read + failed.write + failed.timeout, latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Result:
    good: int
    failed: int
    seconds: float
    slow: float  # milliseconds: the 99th percentile
    work: float = 0  # seconds of processor time of the server

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.good / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of the server's processor time for each answer."""
        return self.work / max(1, self.good) * 1e6


def describe_tool() -> str:
    return f"{'wrk with one thread' if shutil.which('wrk') else 'Python threads'}, {CONNECTIONS} connections"


def send_load(root: str, shots: Sequence[Shot], seconds: float) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        return (run_wrk if shutil.which("wrk") else run_python_process)(root, shots, seconds, Path(folder))


def run_wrk(root: str, shots: Sequence[Shot], seconds: float, folder: Path) -> Result:
    script = folder / "shots.lua"
    script.write_text(SCRIPT % ",\n".join(to_lua(urlsplit(root).path, shot) for shot in shots))
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout=10s", "-s", str(script)]
    words = run_command([str(shutil.which("wrk")), *options, root], seconds).split("RESULT ")[1].split()
    count, duration, failed, slow = map(int, words[:4])
    return Result(max(0, count - failed), failed, duration / 1e6, slow / 1000)


def to_lua(root: str, shot: Shot) -> str:
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in shot.headers.items())
    body = json.dumps(shot.body) if shot.body else "nil"
    return f"wrk.format({json.dumps(shot.method)}, {json.dumps(root + shot.path)}, {{{headers}}}, {body})"


def run_python_process(root: str, shots: Sequence[Shot], seconds: float, folder: Path) -> Result:
    file = folder / "shots.json"
    file.write_text(json.dumps([asdict(shot) for shot in shots]))
    command = [sys.executable, "-m", "benchmarks.load", root, str(seconds), str(file)]
    return Result(*json.loads(run_command(command, seconds)))


def run_command(command: list[str], seconds: float) -> str:
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=True, timeout=seconds + 60
    ).stdout


def send_shots(root: str, shots: Sequence[Shot], end: float, times: list[tuple[bool, float]]) -> None:
    parts = urlsplit(root)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    for shot in cycle(shots):
        began = time.monotonic()
        if began > end:
            return
        try:
            connection.request(shot.method, parts.path + shot.path, shot.body, shot.headers)
            answer = connection.getresponse()
            answer.read()
            good = answer.status < 400
        except (OSError, http.client.HTTPException):
            connection.close()
            good = False
        times.append((good, time.monotonic() - began))


def run_threads(root: str, shots: Sequence[Shot], seconds: float) -> Result:
    times: list[tuple[bool, float]] = []
    began = time.monotonic()
    orders = [[*islice(cycle(shots), first, first + len(shots))] for first in range(CONNECTIONS)]
    crowd = [
        threading.Thread(target=send_shots, args=(root, each, began + seconds, times)) for each in orders
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    good = sum(succeeded for succeeded, _ in times)
    slow = sorted(took for _, took in times)[len(times) * 99 // 100]
    return Result(good, len(times) - good, time.monotonic() - began, slow * 1000)


def main(root: str, seconds: str, file: str) -> None:
    shots = [Shot(**each) for each in json.loads(Path(file).read_text())]
    sys.stdout.write(json.dumps(astuple(run_threads(root, shots, float(seconds)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
