package query

// Beyond is the condition, and its arguments, that keeps the rows after a place in a
// list of numbers, or before it; with the place itself if inclusive. The list is sorted
// by the columns, in descending order by those that begin with a minus.
func Beyond(columns []string, place []any, after, inclusive bool) (string, []any) {
	l := &list{}
	for _, name := range columns {
		c := column{name: name, kind: kindInt}
		if name[0] == '-' {
			c.name, c.desc = name[1:], true
		}
		l.columns = append(l.columns, c)
	}
	f := bound{values: place, after: after, inclusive: inclusive}.apply(filter{}, l)
	return f.where[0], f.args
}
