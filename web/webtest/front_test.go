package webtest_test

import "testing"

// TestWeb_FirstLook opens what the printed address shows.
func TestWeb_FirstLook(t *testing.T) {
	t.Parallel()
	p := sharedDev(t).open(t)
	p.visit("/")
	p.sees("모든 상품", "사업자등록번호")
	p.until("products are shown with their prices", func() bool { return p.says("000원") })
}
