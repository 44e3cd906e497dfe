"""Moving pictures as MP4: what is handed to ffmpeg, and what is said where there is none."""

import stat

import matplotlib
import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter

import simphys as sp
from simphys import viz


SPACE = sp.fem.FunctionSpace(sp.fem.rectangle((2, 1), (2.0, 1.0)))
FRAMES = [np.full(6, value) for value in (0.0, 0.5, 1.0)]


def draw(path, **options):
    return viz.animation(SPACE, FRAMES, path, times=[0.0, 1.0, 2.0], limits=(0.0, 1.0), **options)


@pytest.fixture
def recorder(tmp_path):
    """A stand-in for ffmpeg that keeps the frames as they come, and its arguments beside them."""
    script = tmp_path / "ffmpeg"
    script.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" > "$(dirname "$0")/arguments"\ncat > "$last"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    with matplotlib.rc_context({"animation.ffmpeg_path": str(script)}):
        yield tmp_path


@pytest.mark.slow
def test_frames_reach_ffmpeg_whole(recorder):
    path = draw(recorder / "film" / "a.mp4", seconds=1.5)
    arguments = (recorder / "arguments").read_text().split()
    width, height = map(int, arguments[arguments.index("-s") + 1].split("x"))
    assert width == 800 and height % 2 == 0
    assert float(arguments[arguments.index("-framerate") + 1]) == pytest.approx(2.0)
    frames = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, height, width, 4)
    # The last frame stays for 1.2 s or more.
    assert len(frames) == 2 + 3 and np.array_equal(frames[-1], frames[-3])
    assert not np.array_equal(frames[0], frames[1])
    assert [p.name for p in path.parent.iterdir()] == ["a.mp4"]


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="there is no ffmpeg")
def test_ffmpeg_takes_them(tmp_path):
    assert draw(tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"


def test_without_ffmpeg_it_says_so(tmp_path):
    with matplotlib.rc_context({"animation.ffmpeg_path": str(tmp_path / "none")}):
        with pytest.raises(ValueError, match="an .mp4 needs ffmpeg, which is not found"):
            draw(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match=r"must end in .gif or .mp4, got .*a.avi"):
        draw(tmp_path / "a.avi")
    assert not list(tmp_path.iterdir())
