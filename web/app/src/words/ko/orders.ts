export default {
  title: '주문 내역',
}
