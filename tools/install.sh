# shellcheck shell=bash
# install.sh - brings what this machine lacks; sourced by ./run and ./test, which stand in the top folder.
#
# Looks first, and costs a few milliseconds when nothing is missing. Debian packages by apt, everything of
# the pages by npm; nothing else is fetched.

say() {
	printf '%s\n' "$*" >&2
}

# Runs a command with its output in build/log/NAME.log; on failure shows the end of it.
quietly() {
	local name=$1 rc=0
	shift
	mkdir -p build/log
	"$@" >"build/log/$name.log" 2>&1 </dev/null || rc=$?
	if [ "$rc" != 0 ]; then
		say "failed ($rc): $*"
		tail -n 30 "build/log/$name.log" >&2
		say "(all of it: build/log/$name.log)"
	fi
	return "$rc"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

apt_install() {
	# Lists that could not be brought up to date may still be good enough: the install decides.
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update || true
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends "$@"
}

# install_packages LIST... : the Debian packages that those files name.
install_packages() {
	local package command there
	local -a wanted=() missing=()

	while read -r package command; do
		case $package in '' | \#*) continue ;; esac
		if [ -n "$command" ] && command -v "$command" >/dev/null; then
			continue
		fi
		wanted+=("$package")
	done < <(cat "$@")
	if ! command -v dpkg-query >/dev/null; then
		say "This is not Debian; it must have by itself: ${wanted[*]}"
		return 0
	fi
	# shellcheck disable=SC2016 # the ${} are dpkg-query's
	there=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "${wanted[@]}" 2>/dev/null) "
	for package in "${wanted[@]}"; do
		case $there in
		*" installed=$package "*) ;;
		*) missing+=("$package") ;;
		esac
	done
	[ ${#missing[@]} = 0 ] && return 0
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		say "Missing, and only root may install: apt-get install ${missing[*]}"
		return 1
	fi
	say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
	quietly apt apt_install "${missing[@]}"
}

# Vite needs Node 20.19 or 22.12; Debian 12 has 18. The npm package `node` carries the program itself.
node_is_new_enough() {
	node -e 'const [a, b] = process.versions.node.split(".").map(Number);
		process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

install_node() {
	local own=$PWD/build/node/node_modules/node/bin

	node_is_new_enough && return 0
	if [ ! -x "$own/node" ]; then
		say "Bringing a newer Node by npm"
		mkdir -p build/node
		quietly node npm install --prefix build/node --no-save --no-audit --no-fund node@22 || return 1
	fi
	export PATH=$own:$PATH
	node_is_new_enough || {
		say "build/node has no Node of 20.19 or later; remove that folder to fetch it again"
		return 1
	}
}

# install_npm FOLDER : what its package-lock.json names.
install_npm() {
	[ -f "$1/package-lock.json" ] || return 0
	if [ ! -e "$1/node_modules/.package-lock.json" ] ||
		[ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
		say "Installing the npm packages of $1/"
		quietly npm-"${1//\//-}" npm --prefix "$1" ci --no-audit --no-fund || return 1
		touch "$1/node_modules/.package-lock.json"
	fi
}

# Builds web/dist when something it is made of is newer.
build_pages() {
	local stamp=build/pages.stamp

	[ -f web/package.json ] || return 0
	if [ ! -f web/dist/index.html ] || [ ! -f "$stamp" ] ||
		[ -n "$(find web src/api -mindepth 1 \( -name node_modules -o -name dist -o -name openapi.ts -o -name '*.[ch]' \) -prune \
			-o -newer "$stamp" -print -quit)" ]; then
		install_node && install_npm web || return 1
		say "Building the pages"
		touch "$stamp.new" # what changes while the build runs is newer than the stamp
		quietly pages npm --prefix web run build || return 1
		mv "$stamp.new" "$stamp"
	fi
}
