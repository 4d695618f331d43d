//go:build unix && !linux

package devservers

// memoryDir is a folder in memory with enough room, or "".
func memoryDir() string { return "" }
