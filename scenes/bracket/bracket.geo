// A steel angle bracket: a base plate with two bolt holes, an upright with a pin hole. Lengths in mm.
// Mesh: gmsh bracket.geo -3 -order 2 -format msh41 -o bracket.msh
SetFactory("OpenCASCADE");

Box(1) = {0, 0, 0, 60, 40, 8};          // base plate
Box(2) = {0, 0, 8, 8, 40, 52};          // upright
Cylinder(3) = {40, 11, -1, 0, 0, 10, 4.5};   // bolt holes
Cylinder(4) = {40, 29, -1, 0, 0, 10, 4.5};
Cylinder(5) = {-1, 20, 44, 10, 0, 0, 7};     // pin hole
BooleanUnion(6) = { Volume{1}; Delete; }{ Volume{2}; Delete; };
BooleanDifference(7) = { Volume{6}; Delete; }{ Volume{3, 4, 5}; Delete; };

// The fillet of the inner corner keeps its stress finite.
corner() = Curve In BoundingBox {8 - 0.1, -0.1, 8 - 0.1, 8 + 0.1, 40.1, 8 + 0.1};
filleted() = Fillet{7}{corner()}{6};

body() = Volume{:};
Physical Volume("bracket") = {body()};
holes() = Surface In BoundingBox {35, 5, -0.1, 45, 35, 8.1};
Physical Surface("bolts") = {holes()};
face() = Surface In BoundingBox {-0.1, -0.1, -0.1, 0.1, 40.1, 60.1};
Physical Surface("back") = {face()};
pin() = Surface In BoundingBox {-0.1, 12, 36, 8.1, 28, 52};
Physical Surface("pin") = {pin()};
top() = Surface In BoundingBox {-0.1, -0.1, 59.9, 8.1, 40.1, 60.1};
Physical Surface("top") = {top()};

Mesh.MeshSizeMin = 2.5;
Mesh.MeshSizeMax = 5.0;
Mesh.MeshSizeFromCurvature = 12;
Mesh.ElementOrder = 2;
Mesh.HighOrderOptimize = 1;
