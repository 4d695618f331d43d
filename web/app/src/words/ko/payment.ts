export default {
  title: '결제 결과',
}
