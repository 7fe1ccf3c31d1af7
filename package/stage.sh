#!/bin/sh
# stage.sh LIST FOLDER: copies the files that a files.list names into a folder, to the paths that they have on a router.
set -eu
list=$(readlink -f "$1")
folder=$(readlink -f "$2")
cd "$(dirname "$0")/.."

sed '/^#/d' "$list" | while read -r mode source place; do
	case $source in
	*/\*)
		source=${source%/*}
		find "$source" -name '*.py' -o -name '*.j2' | while read -r file; do
			install -D -m "$mode" "$file" "$folder/$place${file#"$source"}"
		done
		;;
	*) install -D -m "$mode" "$source" "$folder/$place" ;;
	esac
done
