# The Python environment that ./holdfast and ./check run in. Sourced with $root set to the clone;
# `ready_environment EXTRA` leaves its folder in $environment, made or brought up to date where needed.
#
# The environment is .venv in the clone, or a folder in the user's cache where the clone is somebody
# else's. `holdfast-installed` in it is written last: the clone's path, the extra, and pyproject.toml as
# it was installed. While it is being made it holds `holdfast-unfinished` instead, so that what an
# interruption leaves behind is never taken for good. All output goes to stderr: stdout is the command's.

newline='
'

say() {
  printf 'holdfast: %s\n' "$*" >&2
}

fail() {
  printf 'holdfast: %s\n' "$@" >&2
  exit 1
}

# Runs a command; only where it fails is shown what it had to say.
quietly() {
  told=$("$@" 2>&1 </dev/null) || {
    printf '%s\n' "$told" | tail -n 20 >&2
    return 1
  }
}

ready_environment() {
  environment=$root/.venv
  is_installed "$1" && return
  if ! is_ours "$environment"; then
    [ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] ||
      fail "$root cannot be written to, and neither HOME nor XDG_CACHE_HOME is set." \
        "Set one of them: Holdfast's environment will stand there."
    environment=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/environments/$(printf '%s' "${root#/}" | tr / -)
    is_installed "$1" && return
  fi
  set_up "$1"
}

is_ours() {
  if [ -e "$1" ]; then [ -w "$1" ]; else [ -w "${1%/*}" ]; fi
}

# Whether the environment holds this clone, as pyproject.toml says it now, with the extra $1.
is_installed() {
  [ -x "$environment/bin/python" ] && [ -f "$environment/holdfast-installed" ] || return 1
  installed=$(cat "$environment/holdfast-installed")
  wanted=$newline$(cat "$root/pyproject.toml")
  [ "$installed" = "$root [test]$wanted" ] || [ "$installed" = "$root [$1]$wanted" ]
}

set_up() {
  uv=$(command -v uv || true)
  find_python
  mkdir -p "${environment%/*}"
  wait_for_turn
  if is_installed "$1"; then # another first use has done it meanwhile
    exec 9>&-
    return
  fi
  began=$(date +%s)
  clear_remains
  if [ -f "$environment/holdfast-installed" ]; then
    say "pyproject.toml has changed: installing again into $environment"
    mv "$environment/holdfast-installed" "$environment/holdfast-unfinished"
    if ! install_into "$1"; then # orderly: what was installed is still whole
      mv "$environment/holdfast-unfinished" "$environment/holdfast-installed"
      fail "This could not be installed; the lines above say why. Nothing was changed."
    fi
  elif [ -f "$environment/pyvenv.cfg" ]; then
    say "installing into $environment, which stands already"
    install_into "$1" || fail "This could not be installed; the lines above say why."
  else
    say "first use: setting up $environment (this takes less than a minute)"
    [ -n "$uv" ] || has_venv || has_pip || bring_venv
    mkdir -p "$environment"
    : >"$environment/holdfast-unfinished"
    make_environment
    install_into "$1" || fail "This could not be installed; the lines above say why. Run it again to retry."
  fi
  {
    printf '%s [%s]\n' "$root" "$1"
    cat "$root/pyproject.toml"
  } >"$environment/holdfast-written"
  rm -f "$environment/holdfast-unfinished"
  mv "$environment/holdfast-written" "$environment/holdfast-installed"
  say "set up in $(($(date +%s) - began)) s"
  exec 9>&- # what is run now must not keep the turn
}

# Sets $python to the path of the first that is new enough, with links followed: an upgrade that points
# python3 elsewhere must not turn the environment into one of another version. uv may bring its own.
find_python() {
  python='' older=''
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
    command -v "$candidate" >/dev/null || continue
    found=$("$candidate" -c 'import os, sys
executable = getattr(sys, "_base_executable", sys.executable)
print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], os.path.realpath(executable)))' 2>/dev/null) ||
      continue
    version=${found%% *}
    if [ "${version%%.*}" -eq 3 ] && [ "${version#*.}" -ge 11 ]; then
      python=${found#* }
      return
    fi
    older=$version
  done
  [ -n "$uv" ] || fail "Python 3.11 or newer is needed${older:+; found is only $older}." \
    "Install it (on Debian 12 and later: apt-get install python3 python3-venv), or install uv."
}

# Only one sets up at a time. The kernel gives the turn back when its holder ends, however it ends.
wait_for_turn() {
  exec 9>>"$environment.lock"
  if command -v flock >/dev/null; then
    flock -n 9 || {
      say "another first use is setting up $environment; waiting for it"
      flock 9
    }
  elif [ -n "$python" ]; then
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
  fi
}

# Removes what an interrupted set-up, a moved clone or a vanished Python left behind; never what
# somebody else made.
clear_remains() {
  [ -e "$environment" ] || return 0
  if [ -f "$environment/holdfast-unfinished" ]; then
    say "an earlier set-up did not end well: starting anew"
  elif [ -f "$environment/holdfast-installed" ]; then
    read -r earlier <"$environment/holdfast-installed" || true
    case $earlier in
    "$root ["*) if can_install; then return 0; fi ;;
    esac
    say "the environment is of another place or Python: making it anew"
  elif rmdir "$environment" 2>/dev/null; then
    return 0
  elif [ -f "$environment/pyvenv.cfg" ] && can_install; then
    return 0
  else
    fail "$environment is not an environment of Python 3.11 or newer, and Holdfast did not make it." \
      "Move it away, and run this again."
  fi
  rm -rf "$environment"
}

can_install() {
  "$environment/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 1
  [ -n "$uv" ] || "$environment/bin/python" -m pip --version >/dev/null 2>&1 || has_pip
}

has_pip() {
  [ -n "$python" ] && "$python" -m pip --version >/dev/null 2>&1
}

make_environment() {
  if [ -n "$uv" ]; then
    if quietly "$uv" venv --quiet --allow-existing --python "${python:->=3.11}" "$environment"; then
      return
    fi
    [ -n "$python" ] || fail "uv found no Python 3.11 or newer and could bring none. Install one."
    say "uv could not make the environment; trying Python itself"
  fi
  if ! has_venv && has_pip; then # pip can install into an environment from outside
    quietly "$python" -m venv --without-pip "$environment" || fail "Python could not make $environment."
  else
    has_venv || bring_venv # here only where uv had failed
    quietly "$python" -m venv "$environment" || fail "Python could not make $environment."
  fi
}

has_venv() {
  "$python" -c 'import ensurepip, venv' 2>/dev/null
}

# Debian's python3 comes without what makes environments.
bring_venv() {
  package=${python##*/}-venv
  case $package in
  python3.*) ;;
  *) package=python3-venv ;;
  esac
  if ! command -v apt-get >/dev/null; then
    fail "$python cannot make environments (its modules venv and ensurepip are missing)." \
      "Install them by your system's packages, or install uv."
  elif [ "$(id -u)" -ne 0 ]; then
    fail "$python cannot make environments. This command brings what it lacks:" \
      "  sudo apt-get install $package"
  fi
  bring_packages "$package" || fail "$package could not be installed; the lines above say why."
}

# Installs Debian's packages, as root.
bring_packages() {
  say "installing Debian's $*"
  apt-cache show "$@" >/dev/null 2>&1 || quietly apt-get update || true # a new machine has no lists yet
  quietly env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@"
}

# Installs the clone so that its files are run where they stand, with the extra $1.
install_into() {
  source=$root
  [ "$environment" = "$root/.venv" ] || link_source
  what=.${1:+[$1]}
  if [ -n "$uv" ]; then
    (cd "$source" && quietly "$uv" pip install --quiet --python "$environment/bin/python" --editable "$what") &&
      return
    say "uv could not install; trying pip"
  fi
  if "$environment/bin/python" -m pip --version >/dev/null 2>&1; then
    set -- "$environment/bin/python" -m pip
  elif has_pip; then
    set -- "$python" -m pip --python "$environment/bin/python"
  else
    say "pip is missing from $environment"
    return 1
  fi
  # Some set PIP_USER for all their work; in an environment it cannot be.
  (cd "$source" && quietly env PIP_USER=0 "$@" install --quiet --no-input --editable "$what")
}

# Installing writes beside the source; where that is somebody else's, it is given links to the packages.
link_source() {
  source=$environment/source
  mkdir -p "$source/src"
  cp "$root/pyproject.toml" "$root/README.md" "$source/"
  for package in "$root"/src/*/; do
    package=${package%/}
    case $package in
    *.egg-info) ;;
    *) ln -sfn "$package" "$source/src/${package##*/}" ;;
    esac
  done
}
