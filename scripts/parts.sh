# What the tests need beside Python: Debian's PostgreSQL with its extensions, PgBouncer, and anvil.
# Sourced by ./check after environment.sh. Nothing here fails: the tests that need a part which is
# missing say so themselves, by tests/fixtures/missing_parts.py.

anvil_version=1.7.1
parts=$root/.check

bring_parts() {
  mkdir -p "$parts"
  exec 8>>"$parts/lock"
  if command -v flock >/dev/null; then flock 8; fi
  bring_debian_servers || say "Debian's servers: $why"
  bring_anvil || say "anvil: $why"
  exec 8>&- # the tests must not keep the turn
}

bring_debian_servers() {
  why="they are Debian's, and this is another system"
  [ -f /etc/debian_version ] && command -v apt-get >/dev/null || return 1
  list_debian_packages
  lacking=''
  for package in $packages; do
    case $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || true) in
    ii*) ;;
    *) lacking="$lacking $package" ;;
    esac
  done
  [ -n "$lacking" ] || return 0
  why="only root can install them: sudo apt-get install$lacking"
  [ "$(id -u)" -eq 0 ] || return 1
  why="apt-get could not install them; its words stand above"
  quiet=''
  stop_services
  trap 'rm -f $quiet; exit 130' INT TERM HUP
  stop_clusters && bring_packages $lacking && done=0 || done=1
  rm -f $quiet
  rmdir /etc/postgresql-common/createcluster.d 2>/dev/null || true
  trap - INT TERM HUP
  return "$done"
}

# The PostgreSQL that is installed, or the release's own, and what there is for it.
list_debian_packages() {
  installed_servers() { ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null || true; }
  major=$(installed_servers | cut -d/ -f5 | sort -n | tail -n 1)
  if [ -z "$major" ]; then
    apt-cache show postgresql >/dev/null 2>&1 || apt-get update -qq >/dev/null 2>&1 || true
    major=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p')
  fi
  packages="pgbouncer postgresql-$major postgresql-$major-cron postgresql-$major-partman postgresql-$major-pgaudit"
}

# Debian starts a service as it installs it; not while this runs. $quiet names what to remove after.
stop_services() {
  [ ! -e /usr/sbin/policy-rc.d ] || return 0
  quiet="$quiet /usr/sbin/policy-rc.d"
  printf '#!/bin/sh\nif kill -0 %s 2>/dev/null; then exit 101; fi\n' $$ >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
}

# Debian makes and starts a cluster as it installs a server; the tests make their own.
stop_clusters() {
  case "$lacking " in
  *" postgresql-$major "*) ;;
  *) return 0 ;;
  esac
  bring_packages postgresql-common || return 1 # brings the folder of its settings
  mkdir -p /etc/postgresql-common/createcluster.d
  quiet="$quiet /etc/postgresql-common/createcluster.d/holdfast.conf"
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/holdfast.conf
}

# anvil from npm: the package for this machine, which holds the program itself. (The package that would
# choose it leaves it out, without a word, where it finds Node.js too old; the program needs none.)
bring_anvil() {
  case $(uname -s)-$(uname -m) in
  Linux-x86_64) machine=linux-amd64 ;;
  Linux-aarch64) machine=linux-arm64 ;;
  Darwin-x86_64) machine=darwin-amd64 ;;
  Darwin-arm64) machine=darwin-arm64 ;;
  *)
    why="npm has none for this machine"
    return 1
    ;;
  esac
  folder=$parts/anvil-$anvil_version
  package=@foundry-rs/anvil-$machine
  HOLDFAST_TEST_ANVIL=$folder/node_modules/$package/bin/anvil
  if [ ! -x "$HOLDFAST_TEST_ANVIL" ]; then
    if ! command -v npm >/dev/null; then
      why="npm is not installed, and only root on Debian can install it here"
      [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 1
      why="apt-get could not install npm; its words stand above"
      bring_packages npm || return 1
    fi
    say "installing anvil $anvil_version into $folder"
    rm -rf "$folder" "$folder.unfinished"
    why="npm could not install it; its words stand above"
    quietly npm install --ignore-scripts --no-save --no-audit --no-fund \
      --prefix "$folder.unfinished" "$package@$anvil_version" || return 1
    mv "$folder.unfinished" "$folder"
  fi
  export HOLDFAST_TEST_ANVIL
}
