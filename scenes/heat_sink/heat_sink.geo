// A finned heat sink: a base of 40 x 40 x 4 mm and seven fins, 1.6 mm thick and 20 mm high. Lengths in mm.
// Mesh: gmsh heat_sink.geo -3 -format msh41 -o heat_sink.msh
SetFactory("OpenCASCADE");

n = 7; width = 40; base = 4; height = 20; thick = 1.6;
pitch = (width - thick) / (n - 1);

Box(1) = {0, 0, 0, width, width, base};
For i In {0:n-1}
  Box(10 + i) = {i * pitch, 0, base, thick, width, height};
EndFor
BooleanUnion(100) = { Volume{1}; Delete; }{ Volume{10:10 + n - 1}; Delete; };

Physical Volume("sink") = {100};
bottom() = Surface In BoundingBox {-0.1, -0.1, -0.1, width + 0.1, width + 0.1, 0.1};
Physical Surface("bottom") = {bottom()};
all() = Surface{:};
all() -= bottom();
Physical Surface("air") = {all()};

Mesh.MeshSizeMin = 1.6;
Mesh.MeshSizeMax = 2.2;
