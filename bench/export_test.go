package main

// Rewrite gives a set-up's line of a table that is written at path.
func Rewrite(path, name, line string) error {
	lines, err := readTable(path)
	if err != nil {
		return err
	}
	lines[name] = line
	return lines.write(path)
}
