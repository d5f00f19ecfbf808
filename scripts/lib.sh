# Shared by the scripts: goes to the project's root, finds out what is missing, installs only that. Sourced, not run.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command quietly; shows what it said only if it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "this failed: $*"
    fi
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install_packages PACKAGE…: Debian packages, after a fresh look at what there is.
install_packages() {
    have apt-get || die "please install these first (here by Debian's names): $*"
    [ "$(id -u)" = 0 ] || have sudo || die "please run this as root, once: apt-get install $*"
    say "installing $*"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    quietly as_root "${apt[@]}" update
    quietly as_root "${apt[@]}" install --yes --no-install-recommends "$@"
}

# need COMMAND:PACKAGE…: installs the packages whose command is not there.
need() {
    local pair missing=()
    for pair in "$@"; do
        have "${pair%%:*}" || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

# need_postgres: the programs of a PostgreSQL 15, which Lakewire is compared with. Debian keeps them off the path, behind
# wrappers that exist without them.
need_postgres() {
    [ -x /usr/lib/postgresql/15/bin/initdb ] && return
    have initdb && initdb --version | grep -q ' 15\.' && return
    if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && ! apt-cache show postgresql-15 >/dev/null 2>&1; then
        say "this system's packages have no PostgreSQL 15: tests that compare with it say SKIPPED and compare nothing"
    elif ! (install_packages postgresql-15); then
        say "no PostgreSQL 15 could be installed: tests that compare with it say SKIPPED and compare nothing"
        install_packages postgresql
    fi
}

# need_odbc: PostgreSQL's ODBC driver, which has no command.
need_odbc() {
    odbcinst -q -d 2>/dev/null | grep -q '\[PostgreSQL Unicode\]' || install_packages odbc-postgresql odbcinst
}

# need_node FOLDER: the packages of its lock file, installed once and again when it changes.
need_node() {
    local folder=$1 stamp
    have node || install_packages nodejs
    have npm || install_packages npm
    stamp=$folder/node_modules/installed-$(cksum <"$folder/package-lock.json" | tr -d ' ')
    [ -e "$stamp" ] && return
    say "installing the packages of $folder"
    quietly npm ci --prefix "$folder" --no-audit --no-fund
    touch "$stamp"
}

# Rust, on the path of this shell too if rustup put it into its usual place.
need_rust() {
    have cargo || PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
    have cargo || die "Rust 1.95 or newer is needed: install it with rustup"
}

# need_rust_component COMMAND COMPONENT
need_rust_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    have rustup || die "cargo $1 is missing: install the component $2 of your Rust"
    say "installing the Rust component $2"
    quietly rustup component add "$2"
}

# Where cargo puts what it builds, whatever decides it: a variable, a configuration file, the default.
target_dir() {
    cargo metadata --format-version 1 --no-deps --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# A Python that can make virtual environments; Debian's cannot until python3-venv is there.
python_with_venv() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

# need_python FOLDER REQUIREMENTS…: the packages of these files in a virtual environment, each file installed once and again
# when it changes.
need_python() {
    local folder=$1 requirements stamp python
    shift
    if ! "$folder/bin/python" -c 'import pip' 2>/dev/null; then
        python_with_venv >/dev/null || install_packages python3 python3-venv
        python=$(python_with_venv) || die "a Python of 3.10 or newer with venv is needed"
        rm -rf "$folder"
        quietly "$python" -m venv "$folder"
    fi
    for requirements in "$@"; do
        stamp=$folder/installed-$(cksum <"$requirements" | tr -d ' ')
        [ -e "$stamp" ] && continue
        say "installing the Python packages of $requirements into $folder"
        quietly "$folder/bin/python" -m pip install --quiet --requirement "$requirements"
        touch "$stamp"
    done
}

# build_lakewire: the binary, optimized. Leaves its path in $lakewire.
build_lakewire() {
    lakewire=$(target_dir)/debug/lakewire
    if [ ! -x "$lakewire" ]; then
        say "building; the first time compiles DataFusion and Delta Lake: about 35 minutes on 2 cores, later seconds"
    fi
    cargo build --locked --bin lakewire
}
