package mysqldb

// CheckBinlog is for tests: whether a server writes a binary log cannot be
// changed while it runs.
var CheckBinlog = checkBinlog
