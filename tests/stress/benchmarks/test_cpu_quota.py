"""A process with a quota gets its share of a processor and no more."""

import subprocess
import sys
import time

from tests.stress.benchmarks.cpu_quota import cpu_quota, processors


def test_a_process_takes_its_cpu_time_divided_by_its_share():
    program = "import time\nwhile time.process_time() < 0.3: pass"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout
        began = time.monotonic()
        with cpu_quota(process.pid, share=0.25):
            process.stdout.read()  # until it ends
    # On a busy machine it takes longer, never less; a part of the time is Python's own start.
    assert time.monotonic() - began > 0.3 / 0.25 * 0.75


def test_the_share_follows_from_the_memory():
    assert processors(1769) == 1
    assert round(processors(512), 2) == 0.29
