"""The page that tells of a run: read as text, and led in a browser where there is one."""

import base64
import html.parser
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import simphys as sp
from simphys import io
from simphys.report import _view, write_report
from simphys.report._sections import command_of, sections_of


RESULT = {
    "command": "run",
    "scene": "my scenes/beam",
    "title": "A beam <of two> parts",
    "overrides": ["solid.material.E=5"],
    "options": ["--no-error"],
    "started": "2026-01-01T00:00:00+00:00",
    "status": "successful",
    "message": "",
    "timings": {"total": 1.5},
    "versions": {"simphys": "0.1.0"},
    "pictures": ["stress.png", "../outside.png", "missing.png"],
    "observables": {"tip": {"value": 2.0, "error": 0.125, "unit": "mm", "reference": 2.5, "source": "a book"}},
    "certificate": {"forward_residual": 1.25e-12, "converged": True},
    "steps": [{"reached": 1.0, "status": "successful", "newton_steps": 3, "history": [1.0, 0.01, 1e-9]}],
    "parameters": {"E": {"value": 5.0, "std": 0.5, "interval95": [4.0, 6.0]}},
    "quantities": {
        "u": {"label": "displacement", "unit": "mm", "moves": True},
        "stress": {"label": "stress", "unit": "MPa"},
    },
    "fields": "fields.pvd",
    "groups": {"end": "4 facets", "lost": "1 cells"},
    "something_new": {"depth": 7.25},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of a bent box at three times."""
    out = tmp_path_factory.mktemp("out")
    mesh = sp.fem.box((4, 2, 2), (2.0, 1.0, 1.0))
    series = io.FieldSeries(out / "fields.pvd", mesh)
    points = np.asarray(mesh.points)
    for time in (0.0, 0.5, 1.0):
        bent = time * np.stack([0 * points[:, 0], 0 * points[:, 0], -0.2 * points[:, 0] ** 2], axis=1)
        series.write(time, {"u": bent, "stress": time * points[:, 0] + 1}, {})
    io.write_fields(out / "groups.vtu", mesh, {"end": (points[:, 0] > 1.9).astype(np.float32)})
    from PIL import Image

    Image.new("RGB", (2000, 1000), "white").save(out / "stress.png")
    (out / "result.json").write_text(json.dumps(RESULT), encoding="utf-8")
    return out


@pytest.fixture(scope="module")
def page(folder):
    return write_report(folder).read_text(encoding="utf-8")


class _Reader(html.parser.HTMLParser):
    """Text without scripts, tags that are open, and addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.words, self.addresses, self.inputs, self.labels = [], [], [], 0, 0

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.addresses += [given[name] for name in ("src", "href") if name in given]
        self.inputs += tag in ("input", "select")
        self.labels += tag == "label"
        if tag not in ("meta", "input", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)


@pytest.fixture(scope="module")
def read(page):
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_it_is_one_small_file_that_asks_for_nothing(page, read):
    assert not read.open
    assert all(address.startswith("data:") for address in read.addresses) and len(read.addresses) == 1
    assert "default-src 'none'" in page and not re.search(r"https?://", page)
    assert len(page) < 1_000_000


def test_numbers_are_read_without_a_script(read):
    words = " ".join(" ".join(read.words).split())
    assert "A beam <of two> parts" in words
    for part in ("tip 2 mm 0.125 2.5 a book -20.00%", "E 5 0.5 (4, 6)", "1.25e-12", "depth: 7.25"):
        assert part in words, part
    assert "simphys run 'my scenes/beam' --set solid.material.E=5 --no-error" in words
    assert "stress (MPa): 1 to 3" in words and "displacement (mm): 0 to 0.8" in words
    assert "group end (4 facets): 0 to 1" in words and "group lost" not in words


def test_everything_that_leads_has_a_label(page, read):
    assert read.inputs == read.labels == 6
    assert 'aria-label="The body in three dimensions' in page and 'aria-live="polite"' in page


def test_pictures_are_inlined_and_made_smaller(folder, page):
    (data,) = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="Picture: stress">', page)
    assert len(base64.b64decode(data)) <= (folder / "stress.png").stat().st_size


def test_what_cannot_be_turned_is_said(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken" / "fields" / "fields_00001.vtu").write_text("<VTKFile")
    text = write_report(tmp_path / "broken").read_text(encoding="utf-8")
    assert "What is to be turned could not be read" in text and "view-data" not in text and "0.125" in text
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "result.json").write_text(json.dumps({"command": "run", "status": "bad_input", "scene": "a"}))
    assert "bad input" in write_report(tmp_path / "plain", tmp_path / "b.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [None, "{", "[1]", "\udcff"])
def test_folders_without_results_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "result.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=r"result\.json"):
        write_report(tmp_path)


def test_a_design_is_drawn_as_its_part(tmp_path):
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    io.write_surface(tmp_path / "part.stl", corners, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]))
    result = {
        "command": "design",
        "status": "successful",
        "scene": "mbb",
        "part": "part.stl",
        "objective": {"value": 2.5, "error": 0.25},
    }
    (tmp_path / "result.json").write_text(json.dumps(result))
    text = write_report(tmp_path).read_text(encoding="utf-8")
    (meta,) = re.findall(r'id="view-meta">(.*?)</script>', text)
    assert json.loads(meta)["parts"][0]["count"] == 12 and "2.5" in text


def test_fields_come_back_as_they_were_written(folder):
    (_, first), *_, (time, last) = io.read_series(folder / "fields.pvd")
    found = io.read_fields(last)
    assert time == 1.0 and found.mesh.n_cells == 16 and set(found.points) == {"u", "stress"}
    np.testing.assert_allclose(found.points["stress"], np.asarray(found.mesh.points)[:, 0] + 1)
    with pytest.raises(FileNotFoundError):
        io.read_fields(folder / "none.vtu")
    (folder / "far.pvd").write_text('<a><Collection><DataSet timestep="0" file="../x.vtu"/></Collection></a>')
    with pytest.raises(ValueError, match="outside of its folder"):
        io.read_series(folder / "far.pvd")


def test_cells_of_several_types_keep_their_values(tmp_path):
    """In the file triangles may stand before or behind quadrilaterals; values follow their cells."""
    points = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1], [2, 0]])
    mesh = sp.fem.Mesh(points, [np.array([[0, 1, 3, 2]]), np.array([[1, 4, 2]])], ["quadrilateral", "triangle"])
    io.write_fields(tmp_path / "a.vtu", mesh, {}, {"kind": np.array([4.0, 3.0])})
    found = io.read_fields(tmp_path / "a.vtu")
    kinds = [block.type for block in found.mesh.blocks]
    assert found.cells["kind"].tolist() == [{"quadrilateral": 4.0, "triangle": 3.0}[kind] for kind in kinds]


def test_the_command_that_reproduces_it():
    assert command_of({"command": "fit", "scene": "cook"}) == "simphys fit cook"
    installed = {
        "command": "run",
        "scene": "/somewhere/cook/scene.toml",
        "given": "cook",
        "options": ["--device", "cpu"],
    }
    assert command_of(installed) == "simphys run cook --device cpu"


def test_what_an_iteration_lists_has_columns_of_its_own():
    content = {"iterations": [{"objective": 1.5, "constraints": {"volume": 0.25}}, {"objective": 1.25}]}
    text = re.sub("<[^>]+>", " ", sections_of(content))
    assert text.split()[:9] == "Convergence Iterations objective volume 1 1.5 0.25 2 1.25".split()


LEAD = """<script>
(async () => {
  const root = document.getElementById("view"), wait = (ms) => new Promise((done) => setTimeout(done, ms));
  for (let i = 0; i < 100 && root.dataset.ready !== "yes"; i++) await wait(50);
  const canvas = root.querySelector("canvas"), box = canvas.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2], seen = [canvas.toDataURL()];
  const start = document.getElementById("scale").value;
  const act = async (what) => {
    what();
    // As long as a busy machine takes to draw; edges may not differ on this body.
    for (let i = 0; i < 20 && canvas.toDataURL() === seen.at(-1); i++) await wait(50);
    seen.push(canvas.toDataURL());
  };
  const hand = (type, dx) => canvas.dispatchEvent(new PointerEvent(type, { clientX: x + dx, clientY: y, pointerId: 1 }));
  const set = (id, value) => {
    const field = document.getElementById(id);
    field.value = value;
    field.dispatchEvent(new Event("input"));
  };
  await act(() => { hand("pointerdown", 0); hand("pointermove", 90); hand("pointerup", 90); });
  await act(() => set("field", document.getElementById("field").value === "0" ? "1" : "0"));
  await act(() => set("time", 0));
  await act(() => set("time", 2));
  await act(() => set("scale", 900));
  await act(() => { set("axis", "x"); set("cut", 500); });
  await act(() => canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp" })));
  await act(() => set("edges", ""));
  set("axis", ""); set("scale", start);
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "0" }));
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  const pixels = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  pixels.drawImage(canvas, 0, 0, 300, 150);
  const data = pixels.getImageData(0, 0, 300, 150).data;
  let inked = 0;
  for (let i = 0; i < data.length; i += 4) inked += data[i] + data[i + 1] + data[i + 2] < 740;
  const words = (id) => document.getElementById(id).textContent;
  document.title = "LED " + JSON.stringify({ changed: seen.slice(1).map((s, i) => s !== seen[i]), inked: inked / 45000,
    read: words("read"), low: words("low"), high: words("high"), when: words("when") });
})();
</script>"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_it_is_led_in_a_browser(folder, page, tmp_path):
    (tmp_path / "led.html").write_text(page + LEAD, encoding="utf-8")
    words = "--headless=new --no-sandbox --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --dump-dom"
    words += " --enable-logging=stderr --virtual-time-budget=20000 --window-size=900,800"
    home = ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}"]
    command = ["chromium", *words.split(), *home, (tmp_path / "led.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    (told,) = re.findall(r"<title>LED (.*?)</title>", done.stdout)
    found = json.loads(html.unescape(told))
    # After: drag, colour, state, state, deformation, cut, key; edges may not differ on this body.
    assert all(found["changed"][:7]), found
    assert 0.02 < found["inked"] < 0.9
    low, high = re.findall(r'data-field="stress" data-low="([^"]+)" data-high="([^"]+)"', page)[0]
    ranges = {("1 MPa", "3 MPa"): "stress", ("0 mm", "0.8 mm"): "displacement"}
    assert (float(low), float(high)) == pytest.approx((1.0, 3.0))
    assert ranges[found["low"], found["high"]] == found["read"].split()[0] and found["when"] == "1"
    value, at = float(found["read"].split()[1]), float(re.findall(r"\(([^,]+),", found["read"])[0])
    exact = 1 + at if found["read"].startswith("stress") else 0.2 * at**2
    assert abs(value - exact) < 0.05


def test_an_end_of_a_range_that_is_rounding_is_zero():
    packed = _view.Packed()
    found = _view._quantised(packed, np.array([[-4e-16, 0.5, 1.0]]), 8)
    assert (found["low"], found["high"]) == (0.0, 1.0)
    found = _view._quantised(packed, np.array([[-4e-16, -3e-16]]), 8)
    assert (found["low"], found["high"]) == (-4e-16, -3e-16)
