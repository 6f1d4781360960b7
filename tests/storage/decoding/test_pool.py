"""Helper processes: what hangs or dies costs one picture."""

import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image as Pillow

from bench.fuzz import ALLOWED, run
from schemas.asset import Image
from schemas.errors import RowError, RunError
from schemas.failure import FailureKind
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from storage.decoding.pool import DecoderPool
from storage.decoding.process import HelperProcess
from storage.decoding.protocol import take_message
from tests.messages import check_message
from tests.storage.decoding.test_decode import encoded, photo

PICTURE = encoded(photo(), "PNG")
LARGE = encoded(Pillow.new("RGB", (4000, 4000)), "BMP")


def failure_of(pool: DecoderPool, data: bytes) -> RowError:
    with pytest.raises(RowError) as caught:
        pool.decode(data, None)
    check_message(caught.value)
    return caught.value


@contextmanager
def request_in_the_pipe(pid: int) -> Iterator[None]:
    """Leave once a stopped helper has something to read."""
    requests = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield
        assert select.select([requests], [], [], 60)[0]
    finally:
        os.close(requests)


def test_the_pool_gives_what_decoding_here_gives() -> None:
    expected = decode_image(PICTURE, limits=DecodeLimits(), wanted_pixels=50)
    with DecoderPool(2, DecodeLimits()) as pool, ThreadPoolExecutor(8) as threads:
        images = list(threads.map(lambda _: pool.decode(PICTURE, 50), range(50)))
    for image in images:
        assert np.array_equal(image.pixels, expected.pixels)
        assert (image.sha256, image.format, image.width) == (expected.sha256, "png", 160)
        assert image.pixels.flags.writeable == expected.pixels.flags.writeable


def test_each_thread_gets_its_own_picture() -> None:
    whole = [encoded(photo(40 + number, 30), "PNG") for number in range(40)]
    with DecoderPool(2, DecodeLimits()) as pool, ThreadPoolExecutor(8) as threads:
        images = list(threads.map(lambda data: pool.decode(data, None), whole * 5))
    assert [image.width for image in images] == [40 + number for number in range(40)] * 5


def test_a_problem_comes_back_with_its_kind() -> None:
    with DecoderPool(1, DecodeLimits()) as pool:
        pids = pool.pids
        assert failure_of(pool, b"no picture").kind is FailureKind.NOT_AN_IMAGE
        assert failure_of(pool, PICTURE[:500]).kind is FailureKind.TRUNCATED
        assert pool.decode(PICTURE, None).width == 160
        assert pool.pids == pids


def test_a_picture_too_large_never_reaches_a_helper() -> None:
    with DecoderPool(1, DecodeLimits(max_bytes=100)) as pool:
        assert failure_of(pool, PICTURE).kind is FailureKind.TOO_LARGE


def test_a_helper_that_hangs_costs_one_picture() -> None:
    with DecoderPool(1, DecodeLimits(max_seconds=1)) as pool:
        pool.decode(PICTURE, None)
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        assert failure_of(pool, PICTURE).kind is FailureKind.TIMEOUT
        assert pool.pids != (pid,)
        assert not psutil.pid_exists(pid)
        assert pool.decode(PICTURE, None).width == 160


def test_a_picture_that_takes_too_long_is_one_failure() -> None:
    with DecoderPool(1, DecodeLimits(max_seconds=0.01)) as pool:
        assert failure_of(pool, LARGE).kind is FailureKind.TIMEOUT


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_picture_is_to_blame_when_its_helper_dies_twice(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = HelperProcess._exchange
    deaths: list[int] = []

    def die(helper: HelperProcess, *request: Any) -> bytearray:
        if len(deaths) < most:
            deaths.append(helper.pid)
            os.kill(helper.pid, number)
        return exchange(helper, *request)

    monkeypatch.setattr(HelperProcess, "_exchange", die)
    with DecoderPool(1, DecodeLimits()) as pool:
        most = 1
        assert pool.decode(PICTURE, None).width == 160
        deaths.clear()
        most = 2
        failure = failure_of(pool, PICTURE)
        assert failure.kind is FailureKind.CRASHED
        assert f"({number.name})" in failure.message
        assert len(set(deaths)) == 2
        assert pool.decode(PICTURE, None).width == 160


def test_pictures_decoded_together_are_each_what_it_is_alone() -> None:
    whole = [encoded(photo(40 + number, 30), "PNG") for number in range(60)]
    whole[7], whole[20], whole[59] = b"no picture", PICTURE[:500], LARGE
    with DecoderPool(1, DecodeLimits()) as pool:
        pids = pool.pids
        found = pool.decode_all(whole, None)
        assert pool.decode_all([], None) == []
        assert pool.pids == pids
    for number, (data, image) in enumerate(zip(whole, found, strict=True)):
        if number in {7, 20}:
            assert isinstance(image, RowError)
            kind = FailureKind.NOT_AN_IMAGE if number == 7 else FailureKind.TRUNCATED
            assert image.kind is kind
        else:
            alone = decode_image(data, limits=DecodeLimits(), wanted_pixels=None)
            assert isinstance(image, Image)
            assert np.array_equal(image.pixels, alone.pixels)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_helper_that_dies_or_hangs_among_several_costs_none(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0

    def interrupted(received: bytearray) -> bytearray | None:
        nonlocal taken
        message = take_message(received)
        taken += message is not None
        if taken == 5:
            os.kill(pool.pids[0], number)
            received.clear()
        return message

    monkeypatch.setattr("storage.decoding.process.take_message", interrupted)
    # More than the pipes hold, so that the helper is in the midst of them.
    whole = [encoded(photo(160 + number, 120), "BMP") for number in range(30)]
    with DecoderPool(1, DecodeLimits(max_seconds=5)) as pool:
        pids = pool.pids
        found = pool.decode_all(whole, None)
        assert pool.pids != pids
    widths = [image.width for image in found if isinstance(image, Image)]
    assert widths == [160 + number for number in range(30)]


def test_a_picture_among_several_is_to_blame_alone() -> None:
    large = encoded(Pillow.new("RGB", (4000, 3000), "teal"), "PNG", compress_level=1)
    with DecoderPool(1, DecodeLimits(max_memory=30 << 20)) as pool:
        before, failure, after = pool.decode_all([PICTURE, large, PICTURE], None)
    assert isinstance(failure, RowError)
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert isinstance(before, Image)
    assert isinstance(after, Image)


def test_a_helper_that_dies_idle_costs_nothing() -> None:
    with DecoderPool(1, DecodeLimits()) as pool:
        pool.decode(PICTURE, None)
        process = psutil.Process(pool.pids[0])
        process.kill()
        while process.status() != psutil.STATUS_ZOMBIE:
            os.sched_yield()
        assert pool.decode(PICTURE, None).width == 160


@pytest.mark.skipif(sys.platform != "linux", reason="macOS refuses a limit on memory")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {"compress_level": 1}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("WEBP", {"method": 0, "quality": 20}),
    ],
)
def test_a_picture_over_the_memory_limit_is_one_failure(
    kind: str, options: dict[str, object]
) -> None:
    large = encoded(Pillow.new("RGB", (4000, 3000), "teal"), kind, **options)
    with DecoderPool(1, DecodeLimits(max_memory=30 << 20)) as pool:
        pid = pool.pids
        assert failure_of(pool, large).kind is FailureKind.OUT_OF_MEMORY
        assert pool.decode(PICTURE, None).width == 160
        assert pool.pids == pid


@pytest.mark.skipif(sys.platform != "linux", reason="macOS refuses a limit on memory")
def test_a_request_over_the_memory_limit_is_one_failure() -> None:
    with DecoderPool(1, DecodeLimits(max_memory=10 << 20)) as pool:
        assert failure_of(pool, LARGE).kind is FailureKind.OUT_OF_MEMORY
        assert pool.decode(PICTURE, None).width == 160


def test_the_start_of_a_helper_is_not_the_pictures_time() -> None:
    # Python alone takes longer to start than this.
    with DecoderPool(1, DecodeLimits(max_seconds=0.05)) as pool:
        tiny = encoded(photo(4, 4), "BMP")
        for _ in range(100):
            with suppress(RowError):  # on a busy machine even this may take longer
                assert pool.decode(tiny, None).width == 4
                return
        pytest.fail("no picture was ever in time")


def test_an_interrupt_of_a_helper_is_ignored() -> None:
    with DecoderPool(1, DecodeLimits()) as pool:
        pool.decode(PICTURE, None)
        pids = pool.pids
        os.kill(pids[0], signal.SIGINT)
        assert pool.decode(PICTURE, None).width == 160
        assert pool.pids == pids
        assert os.getpgid(pids[0]) != os.getpgid(0)


def test_closing_ends_helpers_and_what_waits_for_them() -> None:
    pool = DecoderPool(1, DecodeLimits())
    pool.decode(PICTURE, None)
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(3) as threads:
        with request_in_the_pipe(pid):
            decodes = [threads.submit(pool.decode, PICTURE, None) for _ in range(3)]
        pool.close()
        for decode in decodes:
            with pytest.raises(RunError, match="closed"):
                decode.result()
    assert pool.pids == (pid,)
    assert not psutil.pid_exists(pid)


def test_a_parent_with_many_open_files() -> None:
    """select() ends at 1,024 descriptors; poll() does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1500 if hard == resource.RLIM_INFINITY else min(1500, hard)
    if wanted < 1500:
        pytest.skip("this machine allows no more than 1,024 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with DecoderPool(1, DecodeLimits()) as pool:
            assert pool.decode(PICTURE, None).width == 160
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_is_imported_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    with DecoderPool(1, DecodeLimits()) as pool:
        assert pool.decode(PICTURE, None).width == 160


def test_a_helper_that_cannot_start_is_not_the_pictures_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with DecoderPool(1, DecodeLimits()) as pool, pytest.raises(RunError, match="does not start"):
        pool.decode(PICTURE, None)


def test_helpers_import_nothing_heavy() -> None:
    code = (
        "import sys, storage.decoding.helper;"
        "print(*{'torch', 'pyarrow', 'apache_beam', 'transformers'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == ""


def test_helpers_end_with_the_process_that_started_them() -> None:
    code = (
        "import time; from storage.decoding.pool import DecoderPool;"
        "from storage.decoding.limits import DecodeLimits;"
        "pool = DecoderPool(2, DecodeLimits()); print(*pool.pids, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) == 2
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


def test_damaged_pictures_crash_and_hang_nothing() -> None:
    counts, replaced = run(pictures=3_000, helpers=2, seed=1, limits=DecodeLimits())
    assert counts.total() == 3_000
    assert set(counts) <= {"image", *(kind.value for kind in ALLOWED)}
    assert counts["image"] > 100  # the damage is not all alike
    assert counts["truncated"] > 100
    assert replaced == 0
