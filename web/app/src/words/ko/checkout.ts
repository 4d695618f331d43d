export default {
  title: '주문하기',
}
