// A sheet of 80 x 40 mm with a hole of radius 8 at (34, 22). Lengths in mm.
// Mesh: gmsh sheet.geo -2 -format msh41 -o sheet.msh
SetFactory("OpenCASCADE");
Rectangle(1) = {0, 0, 0, 80, 40};
Disk(2) = {34, 22, 0, 8};
BooleanDifference(3) = { Surface{1}; Delete; }{ Surface{2}; Delete; };
Physical Surface("sheet") = {3};
left() = Curve In BoundingBox {-0.1, -0.1, -0.1, 0.1, 40.1, 0.1};
right() = Curve In BoundingBox {79.9, -0.1, -0.1, 80.1, 40.1, 0.1};
Physical Curve("left") = {left()};
Physical Curve("right") = {right()};
Mesh.MeshSizeMin = 2.6;
Mesh.MeshSizeMax = 2.6;
