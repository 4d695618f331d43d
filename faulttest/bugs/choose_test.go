package bugs_test

import (
	"hash/fnv"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// chosen are the bugs that BUGS asks for; without it t is skipped.
func chosen(t *testing.T, bugs []bug) []bug {
	t.Helper()
	switch asked := os.Getenv("BUGS"); asked {
	case "":
		t.Skip("no bug is planted: make bugs plants them all")
	case "all":
	case "changed":
		commit, files := changedLately(t)
		some := choose(bugs, files, commit)
		t.Logf("%d of %d bugs are planted, those that concern what changed lately among them", len(some), len(bugs))
		return some
	default:
		t.Fatalf("set BUGS to all or changed: it is %q", asked)
	}
	return bugs
}

// choose are the bugs that a change of the files given concerns, and others by the lot that a text
// casts, until there are enough.
func choose(bugs []bug, files []string, lot string) []bug {
	var some, others []bug
	for _, b := range bugs {
		concerned := slices.Contains(files, "faulttest/bugs/testdata/"+b.name+".patch") ||
			slices.ContainsFunc(b.files, func(file filePatch) bool { return slices.Contains(files, file.path) })
		if concerned {
			some = append(some, b)
		} else {
			others = append(others, b)
		}
	}
	hash := fnv.New64a()
	hash.Write([]byte(lot))
	for n := hash.Sum64(); len(some) < fewestPlanted && len(others) > 0; n /= 31 {
		i := int(n % uint64(len(others)))
		some, others = append(some, others[i]), slices.Delete(others, i, i+1)
	}
	slices.SortFunc(some, func(a, b bug) int { return strings.Compare(a.name, b.name) })
	return some
}

// changedLately names the commit that is checked out, and the files that differ from the commit that
// BUGS_SINCE names, or else from the last one that kept figures of breaking the program.
func changedLately(t *testing.T) (commit string, files []string) {
	t.Helper()
	since := os.Getenv("BUGS_SINCE")
	if since == "" {
		since = git(t, "log", "-1", "--format=%H", "--", "docs/reliability.jsonl")
	}
	if since != "" {
		files = strings.Fields(git(t, "diff", "--name-only", since))
	}
	return git(t, "rev-parse", "HEAD"), files
}

// git returns what git says in the root of the module.
func git(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = root
	said, err := command.Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(said))
}

func TestChoose(t *testing.T) {
	t.Parallel()
	bugs := readBugs(t)
	names := func(bugs []bug) (names []string) {
		for _, b := range bugs {
			names = append(names, b.name)
		}
		return names
	}
	t.Run("what changed is among what is planted, with enough others", func(t *testing.T) {
		t.Parallel()
		file := bugs[0].files[0].path
		some := names(choose(bugs, []string{file, "faulttest/bugs/testdata/" + bugs[7].name + ".patch"}, "a"))
		if !slices.Contains(some, bugs[0].name) || !slices.Contains(some, bugs[7].name) || len(some) < fewestPlanted || !slices.IsSorted(some) {
			t.Errorf("a change of %s and of %s plants %s", file, bugs[7].name, some)
		}
		if len(slices.Compact(slices.Clone(some))) != len(some) {
			t.Errorf("one is planted twice: %s", some)
		}
	})
	t.Run("where nothing changed the lot decides, the same way each time", func(t *testing.T) {
		t.Parallel()
		planted := map[string]bool{}
		for lot := range strings.FieldsSeq("0 1 2 3 4 5 6 7 8 9 a b c d e f g h i j k l m n o p q r s t") {
			some, again := names(choose(bugs, nil, lot)), names(choose(bugs, nil, lot))
			if len(some) != fewestPlanted || !slices.Equal(some, again) {
				t.Errorf("%s casts %s, then %s", lot, some, again)
			}
			for _, name := range some {
				planted[name] = true
			}
		}
		if len(planted) < len(bugs)*3/4 {
			t.Errorf("thirty lots reach %d of %d bugs", len(planted), len(bugs))
		}
	})
}
