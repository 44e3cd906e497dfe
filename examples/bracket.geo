// An angle bracket: a base plate with two bolt holes, an upright, a sharp corner between them. Lengths in mm.
SetFactory("OpenCASCADE");

Box(1) = {0, 0, 0, 60, 40, 8};               // base plate
Box(2) = {0, 0, 8, 8, 40, 42};               // upright
Cylinder(3) = {40, 10, -1, 0, 0, 10, 5};     // bolt holes
Cylinder(4) = {40, 30, -1, 0, 0, 10, 5};
BooleanUnion(5) = { Volume{1}; Delete; }{ Volume{2}; Delete; };
BooleanDifference(6) = { Volume{5}; Delete; }{ Volume{3, 4}; Delete; };

Physical Volume("bracket") = {6};
holes() = Surface In BoundingBox {34.9, 4.9, -0.1, 45.1, 35.1, 8.1};
Physical Surface("bolts") = {holes()};
top() = Surface In BoundingBox {-0.1, -0.1, 49.9, 8.1, 40.1, 50.1};
Physical Surface("top") = {top()};

Mesh.MeshSizeMin = 8;
Mesh.MeshSizeMax = 20;
Mesh.ElementOrder = 2;
Mesh.HighOrderOptimize = 1;
