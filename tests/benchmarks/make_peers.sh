#!/usr/bin/env bash
# Environments of the packages that the benchmarks compare with, one each: make_peers.sh [NAME ...]
#
#   PEERS   folder of the environments   (~/.cache/simphys-peers)
#   UV      the uv program               (uv)
#   PYTHON  a Python 3.11                (python3.11)
#
# jax-fem needs PETSc, which has no wheels: gcc, gfortran, BLAS and LAPACK, and a quarter of an hour on two cores.
# dolfinx is Debian's or Ubuntu's package for the system's Python: apt-get install --no-install-recommends python3-dolfinx
set -euo pipefail

PEERS=${PEERS:-$HOME/.cache/simphys-peers}
UV=${UV:-uv}
PYTHON=${PYTHON:-python3.11}
NAMES=("$@")
[ ${#NAMES[@]} -gt 0 ] || NAMES=(torch-fem feax tatva autopdex felupe scikit-fem ngsolve jax-fem)

install() {
    local name=$1
    shift
    "$UV" pip install --quiet --python "$name/bin/python" "$@"
}

make_one() {
    case $1 in
        # Plain pip and torch first: the CPU build of torch is then kept.
        torch-fem)
            "$PYTHON" -m venv torch-fem
            torch-fem/bin/pip install --quiet torch==2.13.0
            torch-fem/bin/pip install --quiet torch-fem
            return ;;
        feax | tatva | autopdex | felupe | scikit-fem | ngsolve | jax-fem) ;;
        *) echo "no such peer: $1" >&2; return 1 ;;
    esac
    "$UV" venv --quiet --python "$PYTHON" "$1"
    install "$1" "$1"
    # What each documents as its optional solvers.
    case $1 in
        feax) install feax "feax[amg]" ;;
        autopdex) install autopdex pypardiso pyamg ;;
        felupe) install felupe pypardiso ;;
        scikit-fem) install scikit-fem jax pyamg ;;
        ngsolve) install ngsolve mkl ;;
        # The wheel of jax-fem declares no dependencies.
        jax-fem)
            install jax-fem jax pyfiglet meshio gmsh fenics-basix setuptools wheel "cython>=3"
            PETSC_CONFIGURE_OPTIONS="--with-mpi=0 --with-x=0 --with-debugging=0" MAKEFLAGS=-j2 \
                install jax-fem petsc==3.25.1 --no-binary petsc
            install jax-fem petsc4py==3.25.1 --no-build-isolation ;;
    esac
}

mkdir -p "$PEERS"
cd "$PEERS"
failed=()
for name in "${NAMES[@]}"; do
    # One that does not install is no reason to go without the others; in a shell of its own, errors still end it.
    set +e
    (set -e; make_one "$name")
    status=$?
    set -e
    [ $status -eq 0 ] && echo "$name: installed" || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "not installed: ${failed[*]}" >&2; exit 1; }
