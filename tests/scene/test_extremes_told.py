"""What is said of an observed extreme whose error is that of means over cells."""

import pathlib

from simphys import scene as scenes
from simphys.scene._mesh_error import _of_means


SCENES = pathlib.Path(__file__).parents[2] / "scenes"


def test_extremes_of_means_are_told_from_peaks():
    peak = [
        f"observe.peak={entry}"
        for entry in ('{type="max", of="von_mises"}', '{type="max", of="von_mises", at="nodes"}')
    ]
    means, nodes = (_of_means(scenes.load(SCENES / "cook/scene.toml", [entry]).build()) for entry in peak)
    assert "peak" in means[0].split(":")[0] and "over cells" in means[0]
    assert not any("peak" in remark.split(":")[0] for remark in nodes)
