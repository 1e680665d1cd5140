"""Send load with wrk if it is installed, else with Python threads in a separate process.

python -m benchmarks.load URL SECONDS SHOTS.json FIRST_NUMBER

Where the path of a shot has a NUMBER, each request has the next one, so that no URL is sent twice.
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
from itertools import count, cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.workloads import FIRST_NUMBER, NUMBER, Shot

CONNECTIONS = 16
SCRIPT = """
local round, turn, sender = {}, 0, nil
number = %d
setup = function(thread) sender = thread end
local cut = function(shot)
    local first, last = shot:find("%s", 1, true)
    if not first then return shot end
    return {shot:sub(1, first - 1), shot:sub(last + 1)}
end
init = function()
    for at, shot in ipairs({%s}) do round[at] = cut(shot) end
end
request = function()
    turn = turn %% #round + 1
    local shot = round[turn]
    if type(shot) == "string" then return shot end
    number = number + 1
    return shot[1] .. string.format("%%d", number) .. shot[2]
end
done = function(summary, latency)
    local failed = summary.errors
    io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
        failed.status + failed.connect + failed.read + failed.write + failed.timeout,
        latency:percentile(50), latency:percentile(99), sender:get("number")))
end
"""


@dataclass(frozen=True)
class Result:
    good: int
    failed: int
    seconds: float
    middle: float  # milliseconds: the median
    slow: float  # milliseconds: the 99th percentile
    last: int = 0  # the last number in a path
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


def send_load(root: str, shots: Sequence[Shot], seconds: float, last: int = FIRST_NUMBER) -> Result:
    """Send the shots again and again; `last` is the last number that was used before."""
    with tempfile.TemporaryDirectory() as folder:
        send = run_wrk if shutil.which("wrk") else run_python_process
        return send(root, shots, seconds, last, Path(folder))


def run_wrk(root: str, shots: Sequence[Shot], seconds: float, last: int, folder: Path) -> Result:
    script = folder / "shots.lua"
    lines = ",\n".join(to_lua(urlsplit(root).path, shot) for shot in shots)
    script.write_text(SCRIPT % (last, NUMBER, lines))
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout=10s", "-s", str(script)]
    words = run_command([str(shutil.which("wrk")), *options, root], seconds).split("RESULT ")[1].split()
    count, duration, failed, middle, slow, last = map(int, words[:6])
    return Result(max(0, count - failed), failed, duration / 1e6, middle / 1000, slow / 1000, last)


def to_lua(root: str, shot: Shot) -> str:
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in shot.headers.items())
    body = json.dumps(shot.body) if shot.body else "nil"
    return f"wrk.format({json.dumps(shot.method)}, {json.dumps(root + shot.path)}, {{{headers}}}, {body})"


def run_python_process(root: str, shots: Sequence[Shot], seconds: float, last: int, folder: Path) -> Result:
    file = folder / "shots.json"
    file.write_text(json.dumps([asdict(shot) for shot in shots]))
    command = [sys.executable, "-m", "benchmarks.load", root, str(seconds), str(file), str(last)]
    return Result(*json.loads(run_command(command, seconds)))


def run_command(command: list[str], seconds: float) -> str:
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=True, timeout=seconds + 60
    ).stdout


def send_shots(
    root: str, shots: Sequence[Shot], end: float, numbers: "count[int]", times: list[tuple[bool, float]]
) -> None:
    parts = urlsplit(root)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    for shot in cycle(shots):
        began = time.monotonic()
        if began > end:
            return
        try:
            path = shot.path.replace(NUMBER, str(next(numbers))) if NUMBER in shot.path else shot.path
            connection.request(shot.method, parts.path + path, shot.body, shot.headers)
            answer = connection.getresponse()
            answer.read()
            good = answer.status < 400
        except (OSError, http.client.HTTPException):
            connection.close()
            good = False
        times.append((good, time.monotonic() - began))


def run_threads(root: str, shots: Sequence[Shot], seconds: float, last: int = FIRST_NUMBER) -> Result:
    times: list[tuple[bool, float]] = []
    numbers = count(last + 1)
    began = time.monotonic()
    orders = [[*islice(cycle(shots), first, first + len(shots))] for first in range(CONNECTIONS)]
    crowd = [
        threading.Thread(target=send_shots, args=(root, each, began + seconds, numbers, times))
        for each in orders
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    good = sum(succeeded for succeeded, _ in times)
    waits = sorted(took * 1000 for _, took in times)
    middle, slow = (waits[len(waits) * percent // 100] for percent in (50, 99))
    return Result(good, len(times) - good, time.monotonic() - began, middle, slow, next(numbers) - 1)


def main(root: str, seconds: str, file: str, last: str) -> None:
    shots = [Shot(**each) for each in json.loads(Path(file).read_text())]
    sys.stdout.write(json.dumps(astuple(run_threads(root, shots, float(seconds), int(last)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
