# Prints the targets of a Makefile with their comments, under their section headings.
BEGIN { FS = ":.*## " }
/^##@ / { printf "\n%s\n", substr($0, 5) }
/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $1, $2 }
