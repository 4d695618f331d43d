package pgsim

import "net/http"

type kakaoFileTicket struct{}

func (s *Server) kakaoFileURL(c *call) answer                           { return answer{} }
func (s *Server) kakaoDownload(c *call) answer                          { return answer{} }
func (s *Server) tossTransactions(c *call) answer                       { return answer{} }
func (s *Server) tossSettlements(c *call) answer                        { return answer{} }
func (s *Server) simSettlements(w http.ResponseWriter, r *http.Request) {}
