"""Helper processes: what hangs or dies costs one picture."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import psutil
import pytest

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from storage.decoding.pool import DecoderPool
from tests.storage.decoding.test_decode import encoded, photo

PICTURE = encoded(photo(), "PNG")


def test_the_pool_gives_what_decoding_here_gives() -> None:
    expected = decode_image(PICTURE, limits=DecodeLimits(), wanted_pixels=50)
    with DecoderPool(2, DecodeLimits()) as pool, ThreadPoolExecutor(8) as threads:
        images = list(threads.map(lambda _: pool.decode(PICTURE, 50), range(50)))
    for image in images:
        assert (image.pixels == expected.pixels).all()
        assert (image.sha256, image.format, image.width) == (expected.sha256, "png", 160)


def test_a_problem_comes_back_with_its_kind() -> None:
    with DecoderPool(1, DecodeLimits()) as pool:
        with pytest.raises(RowError) as caught:
            pool.decode(b"no picture", None)
        assert caught.value.kind is FailureKind.NOT_AN_IMAGE
        assert pool.decode(PICTURE, None).width == 160


@pytest.mark.parametrize(
    ("number", "kind"),
    [(signal.SIGSTOP, FailureKind.TIMEOUT), (signal.SIGSEGV, FailureKind.CRASHED)],
)
def test_a_helper_that_hangs_or_dies_costs_one_picture(
    number: signal.Signals, kind: FailureKind
) -> None:
    # Large enough to be in work when the signal comes.
    large = encoded(photo(6000, 5000), "PNG", compress_level=1)
    with DecoderPool(1, DecodeLimits(max_seconds=20)) as warm:
        assert warm.decode(PICTURE, None).width == 160
    with DecoderPool(1, DecodeLimits(max_seconds=5)) as pool:
        pool.decode(PICTURE, None)
        (pid,) = pool.pids
        timer = threading.Timer(0.2, os.kill, (pid, number))
        timer.start()
        with pytest.raises(RowError) as caught:
            pool.decode(large, None)
        timer.join()
        assert caught.value.kind is kind
        assert pool.pids != (pid,)
        assert pool.decode(PICTURE, None).width == 160


def test_a_picture_over_the_memory_limit_is_one_failure() -> None:
    large = encoded(photo(6000, 5000), "PNG", compress_level=1)
    with DecoderPool(1, DecodeLimits(max_memory=400 << 20)) as pool:
        with pytest.raises(RowError) as caught:
            pool.decode(large, None)
        assert caught.value.kind in {FailureKind.OUT_OF_MEMORY, FailureKind.CRASHED}
        assert pool.decode(PICTURE, None).width == 160


def test_helpers_end_with_the_process_that_started_them() -> None:
    code = (
        "import time; from storage.decoding.pool import DecoderPool;"
        "from storage.decoding.limits import DecodeLimits;"
        "pool = DecoderPool(2, DecodeLimits()); print(*pool.pids, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        owner.kill()
    deadline = time.monotonic() + 60
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(max(deadline - time.monotonic(), 0.1))
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_pixels_of_an_odd_size_survive_the_way_back() -> None:
    with DecoderPool(1, DecodeLimits()) as pool:
        image = pool.decode(encoded(photo(7, 3), "BMP"), None)
    assert image.pixels.shape == (3, 7, 3)
    assert np.array_equal(image.pixels, np.asarray(photo(7, 3)))
