"use strict";
(async () => {
  const by = (id) => document.getElementById(id);
  const root = by("view"), meta = JSON.parse(by("view-meta").textContent);
  const canvas = root.querySelector("canvas");
  const gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
  if (!gl || typeof DecompressionStream === "undefined") return;

  // The data: arrays one behind the other; those of 16 bits by their differences, high bytes first.
  const packed = Uint8Array.from(atob(by("view-data").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  const part = (number) => {
    const { kind, start, count } = meta.parts[number];
    if (kind === "f32") return new Float32Array(bytes, start, count);
    if (kind === "u32") return new Uint32Array(bytes, start, count);
    const steps = new Uint8Array(bytes, start, 2 * count), values = new Uint16Array(count);
    for (let i = 0, sum = 0; i < count; i++) values[i] = sum = (sum + (steps[i] << 8) + steps[count + i]) & 65535;
    return values;
  };
  const positions = part(meta.positions), triangles = part(meta.triangles), lines = part(meta.lines);
  const corners = positions.length / 3, frames = meta.times.length;
  const low = [0, 1, 2].map((k) => positions.reduce((m, x, i) => (i % 3 === k && x < m ? x : m), Infinity));
  const high = [0, 1, 2].map((k) => positions.reduce((m, x, i) => (i % 3 === k && x > m ? x : m), -Infinity));
  const middle = meta.box[0].map((x, k) => (x + meta.box[1][k]) / 2);
  const size = Math.hypot(...meta.box[0].map((x, k) => meta.box[1][k] - x)) || 1;

  const shade = (kind, text) => {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, "#version 300 es\nprecision highp float;\n" + text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    return shader;
  };
  const program = gl.createProgram();
  gl.attachShader(program, shade(gl.VERTEX_SHADER, `
    in vec3 at; in vec3 moved; in float value;
    uniform mat3 turn; uniform vec3 middle, least, span; uniform vec2 shift, zoom; uniform float scale, levels, depth, lift;
    out vec3 seen, rest; out float part;
    void main() {
      rest = at;
      seen = turn * (at + scale * (least + span * moved / levels) - middle);
      part = value > levels ? -1.0 : value / levels;
      gl_Position = vec4((seen.xy + shift) * zoom, -seen.z * depth - lift, 1.0);
    }`));
  gl.attachShader(program, shade(gl.FRAGMENT_SHADER, `
    in vec3 seen, rest; in float part;
    uniform sampler2D colours; uniform vec4 cut; uniform float kind;
    out vec4 colour;
    void main() {
      if (dot(rest, cut.xyz) > cut.w) discard;
      if (kind > 1.5) { colour = vec4(0.1, 0.13, 0.17, 1.0); return; }
      vec3 normal = normalize(cross(dFdx(seen), dFdy(seen)));
      float light = 0.45 + 0.55 * abs(normal.z);
      vec3 own = kind > 0.5 ? vec3(0.62, 0.68, 0.75) : texture(colours, vec2(0.002 + 0.996 * part, 0.5)).rgb;
      if (part < -0.001 && kind < 0.5) own = vec3(0.75);
      colour = vec4(own * light, 1.0);
    }`));
  gl.linkProgram(program);
  gl.useProgram(program);
  const uniform = (name) => gl.getUniformLocation(program, name);
  const buffer = (kind, data) => {
    const made = gl.createBuffer();
    gl.bindBuffer(kind, made);
    gl.bufferData(kind, data, gl.STATIC_DRAW);
    return made;
  };
  const attribute = (name, width, type, data) => {
    const place = gl.getAttribLocation(program, name), made = buffer(gl.ARRAY_BUFFER, data);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, width, type, false, 0, 0);
    return (values) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, made);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    };
  };
  attribute("at", 3, gl.FLOAT, positions);
  const moves = attribute("moved", 3, gl.UNSIGNED_SHORT, new Uint16Array(3 * corners));
  const colouring = attribute("value", 1, gl.UNSIGNED_SHORT, new Uint16Array(corners));
  const faces = buffer(gl.ELEMENT_ARRAY_BUFFER, triangles), rims = buffer(gl.ELEMENT_ARRAY_BUFFER, lines);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, new Uint8Array(meta.colours));
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  for (const way of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, way, gl.LINEAR);
  const bar = by("bar").getContext("2d"), row = bar.createImageData(256, 1);
  for (let i = 0; i < 256; i++) row.data.set([...meta.colours.slice(3 * i, 3 * i + 3), 255], 4 * i);
  bar.putImageData(row, 0, 0);

  // What is looked at.
  let turn, near, shift, moved = null, values = null;
  const field = () => meta.fields[by("field").value || 0];
  const frame = () => Number(by("time").value);
  const factor = () => (meta.moved ? meta.most * (Number(by("scale").value) / 1000) ** 2 : 0);
  const product = (a, b) => a.map((_, i) => [0, 1, 2].reduce((s, k) => s + a[3 * (i / 3 | 0) + k] * b[3 * k + (i % 3)], 0));
  const about = (x, y) => {
    const [a, b, c, d] = [Math.cos(x), Math.sin(x), Math.cos(y), Math.sin(y)];
    return product([1, 0, 0, 0, a, -b, 0, b, a], [c, 0, d, 0, 1, 0, -d, 0, c]);
  };
  const home = () => {
    const up = [1, 0, 0, 0, 0, 1, 0, -1, 0];
    turn = meta.flat ? [1, 0, 0, 0, 1, 0, 0, 0, 1] : product(about(0.5, -0.6), up);
    near = 1.7 / size;
    shift = [0, 0];
  };
  const state = () => {
    if (meta.moved) {
      const parts = meta.moved.map((each) => part(each.frames[frame()]));
      moved = new Uint16Array(3 * corners);
      for (let i = 0; i < corners; i++) for (let k = 0; k < 3; k++) moved[3 * i + k] = parts[k][i];
      moves(moved);
    }
    values = field() ? part(field().frames[frame()]) : null;
    if (values) colouring(values);
  };
  const number = (x) => Number(x.toPrecision(6)).toString();
  const words = () => {
    by("scaled").textContent = number(factor());
    by("when").textContent = number(meta.times[frame()]);
    if (!field()) return;
    const name = field().unit ? ` ${field().unit}` : "";
    by("low").textContent = number(field().low) + name;
    by("high").textContent = number(field().high) + name;
  };
  const zoom = () => {
    const wide = canvas.width / canvas.height;
    return wide > 1 ? [near / wide, near] : [near, near * wide];
  };
  const draw = () => {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio | 0, canvas.clientHeight * ratio | 0];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(1, 1, 1, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.uniformMatrix3fv(uniform("turn"), true, turn);
    gl.uniform3fv(uniform("middle"), middle);
    gl.uniform3fv(uniform("least"), meta.moved ? meta.moved.map((m) => m.low) : [0, 0, 0]);
    gl.uniform3fv(uniform("span"), meta.moved ? meta.moved.map((m) => m.high - m.low) : [0, 0, 0]);
    gl.uniform2fv(uniform("shift"), shift);
    gl.uniform2fv(uniform("zoom"), zoom());
    gl.uniform1f(uniform("scale"), factor());
    gl.uniform1f(uniform("levels"), meta.levels);
    gl.uniform1f(uniform("depth"), 0.2 / size);
    gl.uniform4fv(uniform("cut"), plane());
    gl.enable(gl.POLYGON_OFFSET_FILL);
    gl.polygonOffset(1, 1);
    gl.uniform1f(uniform("kind"), field() ? 0 : 1);
    gl.uniform1f(uniform("lift"), 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, faces);
    gl.drawElements(gl.TRIANGLES, triangles.length, gl.UNSIGNED_INT, 0);
    if (by("edges").checked) {
      gl.uniform1f(uniform("kind"), 2);
      gl.uniform1f(uniform("lift"), 0.0006);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, rims);
      gl.drawElements(gl.LINES, lines.length, gl.UNSIGNED_INT, 0);
    }
    root.dataset.drawn = Number(root.dataset.drawn || 0) + 1;
  };
  const plane = () => {
    const axis = "xyz".indexOf(by("axis").value || "none");
    if (axis < 0) return [0, 0, 0, 1];
    const at = low[axis] + (Number(by("cut").value) / 1000) * (high[axis] - low[axis]) * 1.0001;
    return [0, 1, 2].map((k) => (k === axis ? 1 : 0)).concat(at);
  };
  let asked = false;
  const again = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  };

  // Reading a value: the triangle in front of all others at a place of the screen.
  const place = (i) => {
    const x = [0, 1, 2].map((k) => {
      const by = moved ? meta.moved[k].low + ((meta.moved[k].high - meta.moved[k].low) * moved[3 * i + k]) / meta.levels : 0;
      return positions[3 * i + k] + factor() * by - middle[k];
    });
    return [0, 1, 2].map((r) => turn[3 * r] * x[0] + turn[3 * r + 1] * x[1] + turn[3 * r + 2] * x[2]);
  };
  const read = (x, y) => {
    const seen = new Float64Array(3 * corners), cut = plane();
    for (let i = 0; i < corners; i++) seen.set(place(i), 3 * i);
    const [a, b] = zoom(), [px, py] = [x / a - shift[0], y / b - shift[1]];
    let best = null;
    for (let t = 0; t < triangles.length; t += 3) {
      const [i, j, k] = [triangles[t], triangles[t + 1], triangles[t + 2]];
      const [xi, yi, xj, yj, xk, yk] = [i, j, k].flatMap((n) => [seen[3 * n], seen[3 * n + 1]]);
      const area = (xj - xi) * (yk - yi) - (xk - xi) * (yj - yi);
      const u = ((px - xi) * (yk - yi) - (xk - xi) * (py - yi)) / area, v = ((xj - xi) * (py - yi) - (px - xi) * (yj - yi)) / area;
      if (!(u >= 0 && v >= 0 && u + v <= 1)) continue;
      const mixed = (of) => (1 - u - v) * of(i) + u * of(j) + v * of(k);
      const rest = [0, 1, 2].map((axis) => mixed((n) => positions[3 * n + axis]));
      if (rest.reduce((s, r, axis) => s + r * cut[axis], 0) > cut[3]) continue;
      const front = mixed((n) => seen[3 * n + 2]);
      if (best === null || front > best.front) best = { front, rest, value: values ? mixed((n) => values[n]) : null };
    }
    if (!best) return (by("read").textContent = "nothing there");
    const where = best.rest.slice(0, meta.flat ? 2 : 3).map(number).join(", ");
    const f = field(), told = f ? `${f.label} ${number(f.low + ((f.high - f.low) * best.value) / meta.levels)} ${f.unit}` : "the part";
    by("read").textContent = `${told.trim()} at (${where})`;
  };

  // Hands: a pointer, the wheel, the keyboard, and what stands below.
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, far: 0 };
    try { canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is none */ }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    held = { x: event.clientX, y: event.clientY, far: held.far + Math.abs(dx) + Math.abs(dy) };
    if (event.shiftKey || meta.flat) {
      const [a, b] = zoom();
      shift = [shift[0] + (2 * dx) / canvas.clientWidth / a, shift[1] - (2 * dy) / canvas.clientHeight / b];
    } else turn = product(about(dy / 150, dx / 150), turn);
    again();
  });
  canvas.addEventListener("pointerup", (event) => {
    const still = held && held.far < 4, box = canvas.getBoundingClientRect();
    held = null;
    if (still) read((2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    near *= Math.exp(-event.deltaY / 500);
    again();
  }, { passive: false });
  const keys = {
    ArrowLeft: () => (turn = product(about(0, -0.15), turn)), ArrowRight: () => (turn = product(about(0, 0.15), turn)),
    ArrowUp: () => (turn = product(about(-0.15, 0), turn)), ArrowDown: () => (turn = product(about(0.15, 0), turn)),
    "+": () => (near *= 1.2), "=": () => (near *= 1.2), "-": () => (near /= 1.2), 0: home, Enter: () => read(0, 0),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
    again();
  });
  for (const id of ["field", "time", "scale", "axis", "cut", "edges"])
    by(id).addEventListener("input", () => { state(); words(); again(); });
  by("back").addEventListener("click", () => { home(); again(); });
  window.addEventListener("resize", again);

  root.hidden = false;
  home();
  state();
  words();
  draw();
  root.dataset.ready = "yes";
})();
