package mysqldb

// CheckServer is for tests: not every server's variables can be had here.
func CheckServer(variables map[string]string) error { return checkServer(variables) }
