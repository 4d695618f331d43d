package measure

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// ProcessorTime returns the processor time, in user and kernel mode, that a process has used in all its threads,
// ended ones included. It is counted in steps of 10 ms.
func ProcessorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	return parseStat(stat)
}

// The fields of /proc/PID/stat after the name, counted from 0.
const (
	userField   = 11
	systemField = 12
)

// parseStat reads utime and stime. The name before them may hold anything, spaces and parentheses included.
func parseStat(stat []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	if end < 0 || len(fields) <= systemField {
		return 0, errors.New("read a processor time: the kernel wrote something else")
	}
	user, err := strconv.ParseInt(string(fields[userField]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read a processor time: %w", err)
	}
	system, err := strconv.ParseInt(string(fields[systemField]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read a processor time: %w", err)
	}
	return time.Duration(user+system) * tick, nil
}

// ForgetPeak makes PeakRSS count from now on. Where the kernel does not let it, PeakRSS goes on counting from the
// process's start.
func ForgetPeak(pid int) {
	const peak = "5"
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peak), 0) // The peak is an upper bound then.
}

// PeakRSS returns the most memory, in bytes, that a process had resident at once.
func PeakRSS(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return parsePeak(status)
}

// parsePeak reads the line "VmHWM:	   12345 kB".
func parsePeak(status []byte) (int64, error) {
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) == 3 && string(fields[0]) == "VmHWM:" {
			kibibytes, err := strconv.ParseInt(string(fields[1]), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("read a peak of memory: the kernel does not tell")
}
