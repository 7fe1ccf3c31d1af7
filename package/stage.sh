#!/bin/sh
# Copies what a list of files names into a folder, as it lies on a router: stage.sh LIST FOLDER
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
