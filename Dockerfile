FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /payment-system .

# No shell, no package manager, certificates and time zones only; not root.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /payment-system /payment-system
ENV HTTP_ADDR=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/payment-system"]
CMD ["serve"]
