package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-jet/jet/v2/mysql"

	"payment-system/internal/mysqldb"
	"payment-system/sql/read/model"
	. "payment-system/sql/read/table" //nolint:revive,staticcheck // It makes the statements readable.
)

// Projections tells, for each view that clients can name, how far it is behind
// the books.
func (r *Reader) Projections(ctx context.Context) ([]Projection, error) {
	if r.Backlog == nil {
		return nil, errors.New("nobody tells the backlog of the read models")
	}
	backlogs, err := r.Backlog(ctx)
	if err != nil {
		return nil, err
	}
	states, err := r.projectionStates(ctx)
	if err != nil {
		return nil, err
	}
	projections := make([]Projection, len(backlogs))
	for i, b := range backlogs {
		projections[i] = Projection{View: b.View, Pending: b.Pending}
		if !b.Oldest.IsZero() {
			projections[i].LagMs = int(max(0, r.Now().Sub(b.Oldest).Milliseconds()))
		}
		if state, ok := states[string(b.View)]; ok {
			projections[i].LastAppliedAt = state.LastAppliedAt
			projections[i].Republishing = state.Republishing
			projections[i].Percent = percentOf(state)
		}
	}
	return projections, nil
}

func percentOf(state model.ProjectionStates) *int {
	if !state.Republishing || state.Percent == nil {
		return nil
	}
	percent := int(*state.Percent)
	return &percent
}

func (r *Reader) projectionStates(ctx context.Context) (map[string]model.ProjectionStates, error) {
	query, args := mysql.SELECT(ProjectionStates.View, ProjectionStates.LastAppliedAt, ProjectionStates.Republishing, ProjectionStates.Percent).
		FROM(ProjectionStates).Sql()
	found, err := mysqldb.Collect(ctx, r.current(), func(rows *sql.Rows) (s model.ProjectionStates, err error) {
		return s, rows.Scan(&s.View, &s.LastAppliedAt, &s.Republishing, &s.Percent)
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read projection states: %w", err)
	}
	states := make(map[string]model.ProjectionStates, len(found))
	for _, s := range found {
		states[s.View] = s
	}
	return states, nil
}
